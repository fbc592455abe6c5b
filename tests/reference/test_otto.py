"""Real shopping sessions, replayed."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.reference.fold import PartitionFold
from tests.reference.otto import read_events, sessions_file
from tests.reference.symbols import field_types

A_DAY_AND_MORE_MS = 25 * 3_600_000

pytestmark = pytest.mark.skipif(
    not sessions_file().is_file(),
    reason=f"the OTTO sessions are not at {sessions_file()}; LAM_DATA names the folder that holds otto/",
)


@pytest.fixture(scope="module")
def partition() -> PartitionFold:
    """All sessions in one partition, replayed to the end."""
    events = read_events(sessions_file())
    folded = PartitionFold()
    for event in events:
        folded.record(event, event["sent_at"])
    folded.advance(events[-1]["sent_at"] + A_DAY_AND_MORE_MS)
    folded.end_of_batch()
    return folded


def test_the_events_are_whole() -> None:
    """862 events with every field of the schema, in the order of time, session and index."""
    events = read_events(sessions_file())
    assert len(events) == 862
    assert all(list(event) == list(field_types("session-event")) for event in events)
    keys = [(event["sent_at"], int(event["session_id"]), event["seq"]) for event in events]
    assert keys == sorted(keys)


def test_visits_and_orders(partition: PartitionFold) -> None:
    """20 sessions make 144 visits, with 10 order lines at 5 order times."""
    assert len(partition.closed) == 144
    assert len({visit.session_id for visit in partition.closed}) == 20
    assert sum(visit.features["count.purchase"] for visit in partition.closed) == 10
    assert sum(visit.features["orders"] for visit in partition.closed) == 5
    assert not partition.live


def test_counts(partition: PartitionFold) -> None:
    """Every event is folded, none late, doubled or undecided."""
    counts = partition.counts["otto"]
    assert counts.folded == 862
    assert (counts.late, counts.duplicate, counts.undecided, counts.capped, counts.unconsented) == (0, 0, 0, 0, 0)
    assert (counts.visits, counts.converted_visits, counts.orders, counts.order_lines) == (144, 5, 5, 10)


def test_timers(partition: PartitionFold) -> None:
    """What silence and carts lead to, by timer."""
    assert Counter(timer.name for timer in partition.timers) == {
        "idle_60": 345,
        "checkout_idle_300": 3,
        "cart_idle_600": 21,
        "cart_idle_1800": 17,
    }
