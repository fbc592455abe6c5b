"""A container against its parent, over the hours in which both were served (docs/assembly.md, 4)."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from tests.reference.containers import Hours
from tests.reference.sums import Sums

QUANTILE = NormalDist().inv_cdf(0.95)
"""Of the standard normal: a 90 % interval has 5 % on either side."""


class Delta(NamedTuple):
    """Difference of two mean rewards and the bounds of its 90 % interval."""

    delta: float
    low: float
    high: float


def beside(own: Hours, parent: Hours) -> Sums:
    """The parent's rewards over the event-hours in which both have visits."""
    together = Sums()
    for hour in own.keys() & parent.keys():
        together = together.plus(parent[hour])
    return together


def standard_error(one: Sums, other: Sums) -> float:
    """Of the difference of two means of samples that are taken for independent."""
    return sqrt(one.variance / one.n + other.variance / other.n)


def difference(rewards: Sums, parent: Sums) -> Delta:
    """By the normal approximation. Drift is not measured, so nothing is subtracted for it."""
    middle = rewards.mean - parent.mean
    half = QUANTILE * standard_error(rewards, parent)
    return Delta(middle, middle - half, middle + half)
