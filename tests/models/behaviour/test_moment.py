"""The features of a visit at a moment."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour.features import FEATURE_NAMES
from models.behaviour.matrix import feature_matrix
from models.behaviour.moment import INPUT_PLACE, INPUTS
from models.behaviour.moment_matrix import moment_matrix
from schemas.record_type import record_type
from tests.models.behaviour.events import START, event
from tests.models.behaviour.replay import Partition
from tests.models.behaviour.strategies import Event, seeded_stream, streams


def inputs_of(partition: Partition, session: str, at_s: float) -> dict[str, float]:
    """The inputs of a live visit by name, `at_s` seconds after START."""
    place, now = partition.places[session], START + round(at_s * 1_000)
    matrix = moment_matrix(partition.rows, np.array([place]), np.array([now]))
    return {name: float(matrix[0, at]) for name, at in INPUT_PLACE.items()}


def assert_shared_agree(events: list[Event]) -> None:
    partition = Partition().take(events)
    live = np.flatnonzero(partition.rows["due_ms"])
    of_the_fold = feature_matrix(partition.rows[live])
    at_a_moment = moment_matrix(partition.rows, live, partition.rows["start_ms"][live])
    shared = [feature.name for feature in INPUTS if feature.name in FEATURE_NAMES]
    assert len(shared) > 100
    for name in shared:
        expected = of_the_fold[:, FEATURE_NAMES.index(name)]
        np.testing.assert_array_equal(at_a_moment[:, INPUT_PLACE[name]], expected, err_msg=name)


def test_there_are_128_inputs_each_once() -> None:
    """The scorer's shape: every name once."""
    assert len({feature.name for feature in INPUTS}) == len(INPUTS) == 128


@given(streams())
@settings(max_examples=20, deadline=None)
def test_shared_features_are_the_folds(events: list[Event]) -> None:
    """A feature that both declare has the same value in both."""
    assert_shared_agree(events)


def test_shared_features_are_the_folds_on_long_streams() -> None:
    """So they are over hundreds of events."""
    for seed in range(20):
        assert_shared_agree(seeded_stream(seed))


TINY = (5e-324, 1e-45, 1e-38, 1e-6)
"""Amounts near nothing: the least of float64, of float32, its least normal one, and one that is not."""


EXTREMES = (
    *("price", "cart_value", "shipping_cost", "scroll_depth", "dwell_s"),
    *("quantity", "cart_items", "explored_today"),
)


@st.composite
def extreme_events(draw: st.DrawFn) -> list[Event]:
    """Events of one visit whose numbers lie at the ends of what the schema admits, or next to nothing."""
    numbers = {f["name"]: f for f in record_type("session-event").tree["fields"] if f["name"] in EXTREMES}
    seconds = sorted(draw(st.lists(st.integers(0, 1_700), min_size=1, max_size=12)))
    return [event(at_s=second, **_extreme(draw, numbers)) for second in seconds]


def _extreme(draw: st.DrawFn, numbers: dict[str, Any]) -> Event:
    kinds = ("view_item", "add_to_cart", "remove_from_cart", "purchase", "page_view", "exit_intent")
    made: Event = {"type": draw(st.sampled_from(kinds)), "product_id": "p"}
    for name, field in numbers.items():
        ends = (None, field["minimum"], field["maximum"])
        made[name] = draw(st.sampled_from((*ends, *TINY) if "double" in field["type"] else ends))
    return made


@given(extreme_events())
@settings(max_examples=200, deadline=None)
def test_every_input_is_finite(events: list[Event]) -> None:
    """Whatever a valid event says, no feature is infinite or no number."""
    partition = Partition().take(events)
    live = np.flatnonzero(partition.rows["due_ms"])
    assert live.size
    found = moment_matrix(partition.rows, live, partition.rows["start_ms"][live] + partition.rows["last"][live])
    assert [feature.name for feature, value in zip(INPUTS, found[0], strict=True) if not np.isfinite(value)] == []
    assert np.isfinite(feature_matrix(partition.rows[live])).all()


def test_time_goes_on_without_events() -> None:
    """Age, silence, and the time on a page grow with the moment; what never happened stays -1."""
    partition = Partition().take([event(type="page_view", page_id="a"), event(type="click", at_s=20)])
    found = inputs_of(partition, "s", 50)
    assert [found[name] for name in ("age_s", "idle_s", "page_s", "shown_s")] == [50, 30, 50, -1]
    shown = partition.take([event(type="intervention_shown", at_s=52)])
    assert inputs_of(shown, "s", 60)["shown_s"] == 8


def test_an_error_counts_on_its_page_alone() -> None:
    """A js_error marks the page it happened on, until another is viewed."""
    first = [event(type="page_view", page_id="a"), event(type="js_error", at_s=1)]
    assert inputs_of(Partition().take(first), "s", 2)["technical_error"] == 1
    then = event(type="page_view", page_id="b", at_s=3)
    assert inputs_of(Partition().take([*first, then]), "s", 4)["technical_error"] == 0


def test_an_item_that_cannot_be_bought_is_in_view_until_the_page_changes() -> None:
    """Another item in stock, or another page, ends it."""
    seen = [event(type="page_view", page_id="a"), event(type="view_item", in_stock=False, product_id="p", at_s=1)]
    assert inputs_of(Partition().take(seen), "s", 2)["out_of_stock_in_view"] == 1
    for end in ({"type": "view_item", "in_stock": True, "product_id": "q"}, {"type": "page_view", "page_id": "b"}):
        assert inputs_of(Partition().take([*seen, event(at_s=2, **end)]), "s", 3)["out_of_stock_in_view"] == 0


@given(st.sampled_from(["where is my ORDER", "refund", "I need help now", "phone number"]))
def test_words_of_help_are_found_in_any_case(query: str) -> None:
    """A search for help is counted as one."""
    assert inputs_of(Partition().take([event(type="search", query=query)]), "s", 1)["help_searches"] == 1


def test_other_searches_seek_no_help() -> None:
    """Words count whole, and only in searches."""
    events = [event(type="search", query="helpful phones"), event(type="click", query="help"), event(type="search")]
    assert inputs_of(Partition().take(events), "s", 1)["help_searches"] == 0
