"""Beliefs from rewards, and priors from neighbours."""

from __future__ import annotations

import math

import pytest

from models.bandit.posterior import LEAST_SD, Belief, Posterior, Prior, belief, cdf, interval, mean, sd
from models.bandit.priors import Sums, prior

NOTHING = Prior(0.5, 0.0)


def test_up_to_100_rewards_the_belief_is_beta() -> None:
    """Beta(1 + sum r, 1 + n - sum r) without a prior; k m and k (1 - m) more with one."""
    assert belief(Posterior(0, 0, 0), NOTHING) == Belief(False, 1, 1)
    assert belief(Posterior(100, 40, 20), NOTHING) == Belief(False, 41, 61)
    assert belief(Posterior(10, 4, 2), Prior(0.25, 10)) == Belief(False, 7.5, 14.5)


def test_above_100_rewards_the_belief_is_normal() -> None:
    """Normal(mean, s^2 / n): 101 rewards, 51 of them 1 and 50 of them 0."""
    of = belief(Posterior(101, 51, 51), Prior(0.1, 10))
    variance = (51 * (1 - 51 / 101) ** 2 + 50 * (51 / 101) ** 2) / 100
    assert of.normal
    assert of.a == pytest.approx(51 / 101)
    assert of.b == pytest.approx(math.sqrt(variance / 101))


def test_equal_rewards_are_not_certainty() -> None:
    """The spread has a least value."""
    assert belief(Posterior(200, 100, 50), NOTHING) == Belief(True, 0.5, LEAST_SD)


def test_means_spreads_and_intervals() -> None:
    """Beta(2, 1) has P(X <= x) = x^2; Beta(3, 2) has .3125 below .5; the Normal's interval is mean +- 1.6449 sd."""
    assert mean(Belief(False, 2, 1)) == pytest.approx(2 / 3)
    assert sd(Belief(False, 1, 1)) == pytest.approx(1 / math.sqrt(12))
    assert interval(Belief(False, 2, 1)) == pytest.approx((math.sqrt(0.05), math.sqrt(0.95)), abs=1e-12)
    assert interval(Belief(True, 0.4, 0.1)) == pytest.approx((0.2355146, 0.5644854), abs=1e-6)
    assert cdf(Belief(False, 3, 2), 0.5) == pytest.approx(0.3125, abs=1e-12)


def test_a_prior_comes_from_the_nearest_level_that_knows() -> None:
    """tier (20 rewards, 5) -> (5 + 5) / 30; category (10, 8) -> (8 + 10/3) / 20; nothing anywhere is worth nothing."""
    assert prior(Sums(0, 0), None, Sums(0, 0)) == Prior(0.5, 0.0)
    assert prior(Sums(0, 0), None, Sums(20, 5)) == pytest.approx((1 / 3, 10.0))
    assert prior(Sums(10, 8), None, Sums(20, 5)) == pytest.approx(((8 + 10 / 3) / 20, 10.0))
    assert prior(Sums(0, 0), Prior(0.8, 30), Sums(20, 5)) == pytest.approx(((24 + 10 / 3) / 40, 10.0))
