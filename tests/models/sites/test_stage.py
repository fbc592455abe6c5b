"""Sums of sites: the same however deltas came; and when a site-stage is told."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sites.deltas import TOTALS, summed
from models.sites.histograms import BINS
from models.sites.stage import GROWTH, MEDIAN_MOVE, MEDIAN_VISITS, grown, new_state
from schemas.encoder import Encoder
from schemas.record_type import record_type
from schemas.validation import violations
from tests.models.sites.records import batch, delta

Record = dict[str, Any]


def after(batches: list[list[Record]]) -> tuple[dict[str, Record], list[Record]]:
    """The state of each site once every batch was taken, and the stages told."""
    states: dict[str, Record] = {}
    told = []
    for deltas in batches:
        sums = summed(batch(deltas))
        for place, site in enumerate(sums.site_id):
            states[site], stage = grown(states.get(site) or new_state(site), sums, place)
            Encoder(record_type("site-sums")).encode(states[site])
            told += [stage] if stage else []
    return states, told


def sums_of(states: dict[str, Record]) -> dict[str, Record]:
    names = (*TOTALS, "dwell_histogram", "scroll_histogram")
    return {site: {name: state[name] for name in names} for site, state in states.items()}


def test_a_state_holds_every_count_of_a_delta() -> None:
    """A count that is added to site-delta is added to site-sums as well."""
    assert set(TOTALS) <= {field["name"] for field in record_type("site-sums").tree["fields"]}
    assert {"visits", "late_conversions", "tuples_final"} <= set(TOTALS)


DELTAS = st.lists(
    st.builds(
        delta,
        st.sampled_from(["shop", "b2b"]),
        st.lists(st.floats(0, 600), max_size=4),
        late=st.integers(0, 9),
        tuples=st.integers(0, 9),
    ),
    min_size=1,
    max_size=12,
)


@given(DELTAS, st.randoms(use_true_random=False))
def test_any_grouping_and_order_gives_the_same_sums(deltas: list[Record], random: Any) -> None:
    """One batch, or shuffled ones."""
    shuffled = random.sample(deltas, len(deltas))
    cut = random.randint(0, len(deltas))
    assert sums_of(after([shuffled[:cut], shuffled[cut:]])[0]) == sums_of(after([deltas])[0])


@given(DELTAS)
def test_stages_rise_by_one_and_never_lag_far_behind(deltas: list[Record]) -> None:
    """Each site's versions are 1, 2, 3..., and the last one tells its sessions but for less than 5 %."""
    states, told = after([[one] for one in deltas])
    kind = record_type("site-stage")
    from_told = batch_of(told)
    assert violations(from_told, kind) == []
    for site, state in states.items():
        versions = [one["version"] for one in told if one["site_id"] == site]
        assert versions == list(range(1, state["version"] + 1))
        assert state["visits"] - state["told_sessions"] < max(1, GROWTH * state["told_sessions"])


def batch_of(stages: list[Record]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(stages, schema=record_type("site-stage").arrow_schema)


def known_site(sessions: int, dwell_s: float = 60.0) -> Record:
    """A site with so many sessions, of which everything is told."""
    return after([[delta("shop", [dwell_s] * sessions)]])[0]["shop"]


def tells(state: Record, more: Record) -> bool:
    return grown(state, summed(batch([more])), 0).stage is not None


@pytest.mark.parametrize(
    ("sessions", "more", "told"),
    [(0, 0, False), (0, 1, True), (19, 1, True), (40, 1, False), (40, 2, True), (600, 29, False), (600, 30, True)],
)
def test_growth_is_told_from_5_percent_and_below_20_from_one(sessions: int, more: int, told: bool) -> None:
    """The same visits again move no median by 1 %, so only the number counts."""
    assert tells(known_site(sessions), delta("shop", [60.0] * more, late=1)) is told


@pytest.mark.parametrize("bound", [100, 1_000])
def test_a_regime_bound_is_told_when_it_is_reached(bound: int) -> None:
    """The 100th and the 1,000th session, however little that is in percent; not the one behind it."""
    assert tells(known_site(bound - 1), delta("shop", [60.0]))
    assert not tells(known_site(bound), delta("shop", [60.0]))


def test_a_median_that_moves_is_told() -> None:
    """2 % more sessions move the median by over 1 %, and that alone is told."""
    short, long = [60.0] * 101, [3_600.0] * 100
    state = after([[delta("shop", short + long)]])[0]["shop"]
    stage = grown(state, summed(batch([delta("shop", [3_600.0] * 4)])), 0).stage
    assert stage is not None
    assert stage["dwell_median_s"] > state["told_dwell_median_s"] * (1 + MEDIAN_MOVE)


def test_a_delta_of_counts_alone_tells_nothing() -> None:
    """Events without consent, late ones and the like are summed and are no news."""
    state, stage = grown(new_state("shop"), summed(batch([delta("shop", [], unconsented=5)])), 0)
    assert (state["unconsented"], state["version"], stage) == (5, 0, None)


def test_histograms_of_a_slice_and_shorter_ones_are_placed_right() -> None:
    """What lies outside of a slice is not counted, and a histogram that is cut short lacks its last bins."""
    short = delta("b", [0.0]) | {"dwell_histogram": [7, 1]}
    whole = batch([delta("a", [0.0]), short, delta("a", [0.5] * 3), delta("b", [])])
    sums = summed(whole.slice(1))
    assert sums.site_id == ["b", "a"]
    assert sums.dwell_histogram[0].tolist() == [7, 1] + [0] * (BINS - 2)
    assert sums.dwell_histogram[1].tolist() == [0, 3] + [0] * (BINS - 2)


def test_the_first_visits_have_no_median() -> None:
    """It would measure the rewards of all that come after them."""
    few, enough = (
        grown(new_state("shop"), summed(batch([delta("shop", [20.0] * visits)])), 0).stage
        for visits in (MEDIAN_VISITS - 1, MEDIAN_VISITS)
    )
    assert few is not None
    assert enough is not None
    assert (few["dwell_median_s"], few["scroll_median"]) == (None, None)
    assert enough["dwell_median_s"] > 0 < enough["scroll_median"]
