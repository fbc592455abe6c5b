"""Sums of arms and of sites: the product's are the reference's, however deltas came."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sites.histograms import dwell_histogram, dwell_median_s, scroll_histogram, scroll_median
from tests.models.bandit.test_deltas import after
from tests.models.bandit.test_deltas import delta as arm_delta
from tests.models.sites.records import delta as site_delta
from tests.models.sites.test_stage import after as stages_after
from tests.reference.draws import BUCKETS, Draws
from tests.reference.holdout import is_held_out
from tests.reference.posteriors import expected_posteriors
from tests.reference.site_sums import DWELL_ENDS_S, SiteSums, bin_of, has_moved, is_news, median
from tests.reference.sums import QUANTA, in_quanta
from tests.system.recomputed import assert_same

KEY = b"a key for tests, of 32 bytes....."

rewards = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, QUANTA), st.booleans()), max_size=40)
sources = st.randoms(use_true_random=False)
dwells = st.lists(st.one_of(st.floats(0, 600, width=32), st.sampled_from([0.0, 1.0, 86_400.0])), max_size=80)


@given(rewards, sources)
def test_posteriors_are_those_of_the_rewards(drawn: list[tuple[str, int, bool]], source: random.Random) -> None:
    """To the bit, in any groups; the holdout's are in none."""
    records = [
        {"arm_id": arm, "site_id": f"site-of-{arm}", "result": "holdout" if held else "fire", "reward": quanta / QUANTA}
        for arm, quanta, held in drawn
    ]
    told = [one for one in records if one["result"] != "holdout"]
    batches: list[list[dict[str, Any]]] = [[] for _ in range(4)]
    for one in told:
        source.choice(batches).append(arm_delta(str(one["arm_id"]), [float(one["reward"])]))
    found = after([deltas for deltas in batches if deltas])
    assert found == {arm: {"arm_id": arm, **one.record} for arm, one in expected_posteriors(records).items()}


def test_a_reward_that_is_no_multiple_is_refused() -> None:
    """Sums of it would depend on their order."""
    assert in_quanta(0.5) == QUANTA // 2
    with pytest.raises(ValueError, match="multiple of 1/4096"):
        in_quanta(0.1)


@given(dwells, sources)
def test_a_sites_medians_are_those_of_its_visits(drawn: list[float], source: random.Random) -> None:
    """As the product's from its histograms, which hold the same counts."""
    depths = [source.choice([0.0, 0.25, 1.0, source.random()]) for _ in drawn]
    sums = SiteSums()
    for dwell_s, depth in zip(drawn, depths, strict=True):
        sums.add(dwell_s, depth)
    by_dwell, by_depth = dwell_histogram(np.array(drawn)), scroll_histogram(np.array(depths))
    assert (sums.dwell, sums.scroll) == (by_dwell.tolist(), by_depth.tolist())
    enough = len(drawn) >= 30
    assert_same(sums.dwell_median_s, dwell_median_s(by_dwell) if enough else None, "dwell")
    assert_same(sums.scroll_median, scroll_median(by_depth) if enough else None, "scroll")


@given(st.lists(dwells, min_size=1, max_size=12))
def test_the_newest_stage_is_fresh_enough(batches: list[list[float]]) -> None:
    """However visits come, the stage told last is one that need not be told again."""
    sums = SiteSums()
    for dwell_s in (one for some in batches for one in some):
        sums.add(dwell_s, 0.5)
    _, told = stages_after([[site_delta("shop", some)] for some in batches])
    if sums.visits:
        assert not is_news(told[-1]["sessions"], sums.visits)
        assert not has_moved(told[-1]["dwell_median_s"], sums.dwell_median_s)
    else:
        assert told == []


def test_sites_by_hand() -> None:
    """Bins, a median between two ends, and what is news."""
    assert [bin_of(one, DWELL_ENDS_S) for one in (0.0, 0.5, 1.0, 1.1, 9e9)] == [0, 1, 1, 2, 63]
    assert median([0, 4], [0.0, 1.0]) == 0.5
    assert median([3, 4], [0.0, 1.0]) == pytest.approx(0.125)
    assert median([3, 3], [0.0, 1.0]) == 0.0
    assert median([0, 0], [0.0, 1.0]) is None
    assert [is_news(99, 100), is_news(40, 41), is_news(40, 42), is_news(0, 1)] == [True, False, True, True]
    assert [has_moved(None, 1.0), has_moved(1.0, 1.0), has_moved(1.0, 1.02)] == [True, False, True]


def test_the_holdout_is_its_share() -> None:
    """5 % of many visitors, others with another key, and the same ones again."""
    visitors = [f"v-{number}" for number in range(4_000)]
    held = {one for one in visitors if is_held_out(KEY, "shop", one, 0.05)}
    assert 150 < len(held) < 250
    assert held != {one for one in visitors if is_held_out(KEY[::-1], "shop", one, 0.05)}
    assert all(0 <= Draws(KEY).bucket("shop", one) < BUCKETS for one in visitors)
