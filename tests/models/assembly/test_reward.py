"""What a container was worth, and what its visitors did: the numbers of a tuple."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assembly.config import HOUR_MS
from models.assembly.container import on_activity
from models.assembly.parents import ContainerStats, ParentStats
from models.assembly.reward import NORMAL_QUANTILE_95, holdout_difference, reward, thompson_mean
from models.assembly.state import Container
from models.assembly.sums import Sums
from models.assembly.user import user
from tests.models.assembly.events import BORN, activity, parent_stats


def container(*rows: dict[str, Any]) -> Container:
    made = Container("c-1", "shop")
    for row in rows:
        after = on_activity(made, row, BORN)
        assert after is not None
        made = after
    return made


def sums(rewards: list[float]) -> Sums:
    return Sums(len(rewards), sum(rewards), sum(one * one for one in rewards))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=200))
def test_sums_tell_mean_and_unbiased_variance(rewards: list[float]) -> None:
    """They are those of the rewards, and never outside of 0 and 1 by rounding."""
    mean = sum(rewards) / len(rewards)
    variance = sum((one - mean) ** 2 for one in rewards) / (len(rewards) - 1)
    assert sums(rewards).mean == pytest.approx(mean, abs=1e-9)
    assert sums(rewards).variance == pytest.approx(variance, abs=1e-9)
    assert 0 <= sums(rewards).mean <= 1
    assert 0 <= sums(rewards).variance <= 1


def test_thirty_visits_are_sufficient() -> None:
    """With fewer no estimate is given, only how many there were."""
    parent = parent_stats((BORN, 50, 0.4))
    few, enough = reward(container(activity(29)), parent), reward(container(activity(30)), parent)
    estimates = ("mean", "variance", "thompson_mean", "delta", "low", "high")
    assert (few["n"], few["insufficient"], few["converted"]) == (29, True, 2)
    assert [few[name] for name in estimates] == [None] * 6
    assert (enough["n"], enough["insufficient"]) == (30, False)
    assert None not in [enough[name] for name in estimates]


def test_the_posterior_is_a_beta_up_to_100_visits() -> None:
    """Beta(1 + sum r, 1 + n - sum r), above it the mean itself."""
    assert thompson_mean(Sums(100, 30.0, 10.0)) == pytest.approx(31 / 102)
    assert thompson_mean(Sums(101, 30.0, 10.0)) == pytest.approx(30 / 101)


def test_the_parent_counts_in_the_hours_that_both_were_served() -> None:
    """Hours of one alone are left out of the parent's mean; delta and its interval follow from both samples."""
    parent = parent_stats((BORN - HOUR_MS, 900, 0.9), (BORN, 50, 0.4), (BORN + HOUR_MS, 30, 0.3), watermark=BORN + 7)
    own = container(activity(40), activity(20, BORN + HOUR_MS, 0.8), activity(10, BORN + 2 * HOUR_MS, 0.9))
    said = reward(own, parent)
    assert said["parent_n"] == 80
    assert said["parent_mean"] == pytest.approx((50 * 0.4 + 30 * 0.3) / 80)
    assert said["parent_watermark"] == BORN + 7
    assert said["drift"] is None
    mean = (40 * 0.5 + 20 * 0.8 + 10 * 0.9) / 70
    assert said["delta"] == pytest.approx(mean - said["parent_mean"])
    parents = Sums(80, 50 * 0.4 + 30 * 0.3, 50 * 0.16 + 30 * 0.09 + 0.8)
    half = NORMAL_QUANTILE_95 * sqrt(said["variance"] / 70 + parents.variance / 80)
    assert (said["low"], said["high"]) == (pytest.approx(said["delta"] - half), pytest.approx(said["delta"] + half))


@pytest.mark.parametrize(
    ("parent", "parent_n"),
    [(None, None), (parent_stats((BORN + HOUR_MS, 99, 0.5)), 0), (parent_stats((BORN, 29, 0.5)), 29)],
)
def test_without_enough_of_the_parent_there_is_no_delta(parent: ContainerStats | None, parent_n: int | None) -> None:
    """Not known, never served at the same time, or too seldom: the tuple says which."""
    said = reward(container(activity(40)), parent)
    assert said["mean"] == pytest.approx(0.5)
    assert [said[name] for name in ("parent_mean", "delta", "low", "high")] == [None] * 4
    assert said["parent_n"] == parent_n


def test_interference_is_a_difference_above_two_standard_errors() -> None:
    """Judged from 10 visits on either side."""
    high, low = Sums(10, 6.0, 3.7), Sums(40, 20.0, 10.4)
    error = sqrt(high.variance / 10 + low.variance / 40)
    difference, flagged = holdout_difference(high, low)
    assert difference == pytest.approx(0.1)
    assert flagged is (2 * error < 0.1)
    assert flagged
    assert holdout_difference(Sums(10, 5.5, 3.1), low)[1] is False
    assert holdout_difference(Sums(9, 9.0, 9.0), low) == (None, False)
    held: dict[str, Any] = {"holdout_n": 10, "holdout_reward_sum": 6.0, "holdout_reward_sum_sq": 3.7}
    said = reward(container(activity(50, **held)), None)
    assert (said["holdout_difference"], said["interference"]) == (pytest.approx(0.6 - 19 / 40), True)


def test_no_aggregate_of_fewer_than_ten_visits_leaves() -> None:
    """A tuple tells of no single visitor."""
    few, enough = user(container(activity(9))), user(container(activity(10)))
    assert few == {
        "n": 9,
        "feature_set": "features-1",
        "mean": [],
        "variance": [],
        "scorer": None,
        "embedding": [],
        "several_share": 0.0,
    }
    assert (enough["mean"], enough["variance"]) == ([1.0, 2.0], [pytest.approx(5 / 9), 0.0])
    assert (enough["scorer"], enough["embedding"], enough["several_share"]) == ("scorer-1", [1.0, 0.0], 0.2)


def test_the_mean_embedding_is_of_the_visits_scored() -> None:
    """Visits without consent to personalization are in the sums of rewards alone."""
    sums = [
        activity(20, embedding_sum=[30.0, 0.0], embedding_n=15),
        activity(9, embedding_sum=[5.0, 1.0], embedding_n=5),
    ]
    said = user(container(*sums, activity(7, scorer=None, embedding_sum=[], embedding_n=0)))
    assert (said["n"], said["embedding"]) == (36, [35 / 20, 1 / 20])
    assert user(container(activity(20, embedding_sum=[9.0, 0.0], embedding_n=9)))["embedding"] == []


def test_parent_stats_hold_the_newest_record_of_each_container() -> None:
    """A later record replaces, a null deletes, no name finds nothing."""
    parents = ParentStats()
    hour = {"hour": BORN, "n": 3, "reward_sum": 1.5, "reward_sum_sq": 0.8}
    parents.apply("c-0", {"watermark": 1, "hours": []}, 0)
    parents.apply("c-0", {"watermark": 2, "hours": [hour]}, 1)
    known = parents.of("c-0")
    assert known is not None
    assert (known.watermark, known.over([BORN, BORN + HOUR_MS])) == (2, Sums(3, 1.5, 0.8))
    parents.apply("c-0", None, 2)
    assert parents.of("c-0") is None
    assert parents.of(None) is None
