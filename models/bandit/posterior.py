"""What is known of an arm: its rewards, its prior, and the belief about its mean that follows (DOMAIN 6, given)."""

from __future__ import annotations

import math
from typing import NamedTuple

NORMAL_ABOVE = 100
"""Rewards above which the belief is Normal: Beta overstates the spread of graded rewards (given)."""
LEAST_SD = 1e-4
"""Smallest standard deviation of a Normal belief, in units of reward: equal rewards are not certainty (ours)."""
INTERVAL = 0.90
"""Mass of the interval shown (given)."""
_BISECTIONS = 60
_FRACTION_TERMS = 500
_FRACTION_CLOSE = 1e-15
_TINY = 1e-300


class Posterior(NamedTuple):
    """Rewards of an arm: how many, their sum, the sum of their squares; `offset` of the record, -1 for none."""

    n: int
    reward_sum: float
    reward_sum_sq: float
    offset: int = -1


UNSEEN = Posterior(0, 0.0, 0.0)


class Prior(NamedTuple):
    """What is believed of an arm before its own rewards: a mean, 0-1, worth `n` sessions."""

    mean: float
    n: float


class Belief(NamedTuple):
    """A distribution of an arm's mean reward: Beta(a, b), or Normal with mean a and standard deviation b."""

    normal: bool
    a: float
    b: float


def belief(posterior: Posterior, prior: Prior) -> Belief:
    """Beta(1 + k m + sum r, 1 + k (1 - m) + n - sum r) with a prior of mean m worth k sessions, up to 100 rewards.

    Above, Normal(mean, s^2 / n) with the sample variance s^2; the prior has been outgrown.
    """
    n, total, squares, _ = posterior
    if n <= NORMAL_ABOVE:
        successes, failures = prior.n * prior.mean + total, prior.n * (1.0 - prior.mean) + (n - total)
        return Belief(False, 1.0 + max(successes, 0.0), 1.0 + max(failures, 0.0))
    mean = total / n
    variance = max(squares - n * mean * mean, 0.0) / (n - 1)
    return Belief(True, mean, max(math.sqrt(variance / n), LEAST_SD))


def mean(of: Belief) -> float:
    """Its mean."""
    return of.a if of.normal else of.a / (of.a + of.b)


def sd(of: Belief) -> float:
    """Its standard deviation."""
    if of.normal:
        return of.b
    total = of.a + of.b
    return math.sqrt(of.a * of.b / (total + 1.0)) / total


def interval(of: Belief, mass: float = INTERVAL) -> tuple[float, float]:
    """The central interval that holds `mass`, 0-1."""
    tail = (1.0 - mass) / 2.0
    return _quantile(of, tail), _quantile(of, 1.0 - tail)


def cdf(of: Belief, x: float) -> float:
    """The probability of a mean of at most x."""
    if of.normal:
        return 0.5 * math.erfc((of.a - x) / (of.b * math.sqrt(2.0)))
    return _incomplete_beta(of.a, of.b, min(max(x, 0.0), 1.0))


def _quantile(of: Belief, probability: float) -> float:
    low, high = (of.a - 10.0 * of.b, of.a + 10.0 * of.b) if of.normal else (0.0, 1.0)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if cdf(of, middle) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function, by its continued fraction (DLMF 8.17.22) in Lentz's form."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(logarithm) / (a * _fraction(a, b, x))


def _fraction(a: float, b: float, x: float) -> float:
    fraction, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, _FRACTION_TERMS):
        m = term // 2
        if term % 2:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1.0 / ((1.0 + step * lower) or _TINY)
        upper = (1.0 + step / upper) or _TINY
        fraction *= upper * lower
        if abs(upper * lower - 1.0) < _FRACTION_CLOSE:
            break
    return fraction
