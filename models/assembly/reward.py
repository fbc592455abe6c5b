"""R: what a container was worth (DOMAIN 6), as the `reward` of a training tuple."""

from __future__ import annotations

from math import sqrt
from typing import Any

from models.assembly.parents import ContainerStats
from models.assembly.state import Container
from models.assembly.sums import NONE, Sums
from models.assembly.user import MIN_VISITS

SUFFICIENT_VISITS = 30
"""Visits below which a mean says too little (DOMAIN 6); of the container, and of its parent in the same hours."""
BETA_VISITS = 100
"""Visits up to which the posterior is a Beta; above it is a Normal (DOMAIN 6)."""
NORMAL_QUANTILE_95 = 1.6448536269514722
"""95 % quantile of the standard normal: the bounds of a two-sided 90 % interval."""
INTERFERENCE_ERRORS = 2.0
"""Standard errors above which a difference is flagged (DOMAIN 6)."""


def reward(container: Container, parent: ContainerStats | None) -> dict[str, Any]:
    """R of the container; `parent` is what is known of its parent's hours.

    Under `SUFFICIENT_VISITS` no estimate is given. Drift is not measured yet: it is null, and not subtracted. Nothing
    tells yet of conversions after the reward wait: 0.
    """
    rewards = container.rewards
    sufficient = rewards.n >= SUFFICIENT_VISITS
    beside = NONE if parent is None else parent.over([hour for hour, sums in container.hours.items() if sums.n])
    comparable = sufficient and beside.n >= SUFFICIENT_VISITS
    difference, interference = holdout_difference(container.holdout, rewards.less(container.holdout))
    return {
        "n": rewards.n,
        "insufficient": not sufficient,
        "mean": rewards.mean if sufficient else None,
        "variance": rewards.variance if sufficient else None,
        "thompson_mean": thompson_mean(rewards) if sufficient else None,
        "parent_mean": beside.mean if beside.n >= SUFFICIENT_VISITS else None,
        "parent_n": None if parent is None else beside.n,
        "parent_watermark": None if parent is None else parent.watermark,
        "drift": None,
        **(delta(rewards, beside) if comparable else dict.fromkeys(("delta", "low", "high"))),
        # Under this many visits a number would tell of single visitors.
        "converted": container.converted if rewards.n >= MIN_VISITS else 0,
        "late_conversions": 0,
        "holdout_difference": difference,
        "interference": interference,
    }


def thompson_mean(rewards: Sums) -> float:
    """Mean of the posterior: Beta(1 + sum r, 1 + n - sum r) up to `BETA_VISITS`, Normal(mean, s^2/n) above."""
    if rewards.n > BETA_VISITS:
        return rewards.mean
    alpha, beta = 1 + rewards.total, 1 + rewards.n - rewards.total
    return alpha / (alpha + beta)


def delta(rewards: Sums, parent: Sums) -> dict[str, float]:
    """mean - parent's mean, and its 90 % interval by the normal approximation, with both sampling variances.

    The two are taken for independent; visits that saw both make the interval a little too wide or too narrow.
    """
    middle = rewards.mean - parent.mean
    half = NORMAL_QUANTILE_95 * standard_error(rewards, parent)
    return {"delta": middle, "low": middle - half, "high": middle + half}


def holdout_difference(within: Sums, outside: Sums) -> tuple[float | None, bool]:
    """Mean within the holdout less mean outside, and whether it exceeds two standard errors.

    None and False where either side has fewer than `MIN_VISITS`.
    """
    if min(within.n, outside.n) < MIN_VISITS:
        return None, False
    difference = within.mean - outside.mean
    return difference, abs(difference) > INTERFERENCE_ERRORS * standard_error(within, outside)


def standard_error(one: Sums, other: Sums) -> float:
    """Of the difference of two means: sqrt(s1^2 / n1 + s2^2 / n2)."""
    return sqrt(one.variance / one.n + other.variance / other.n)
