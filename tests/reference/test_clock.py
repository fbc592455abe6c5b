"""Section 1: clocks."""

from __future__ import annotations

from tests.reference.clock import arrival, event_time
from tests.reference.config import Config
from tests.reference.fold import PartitionFold
from tests.reference.make import T0, at, event, fold

HOUR_MS = 3_600_000


def test_arrival_is_when_the_collector_received_it() -> None:
    """`received_at` is the arrival, whatever the clock."""
    one = event("click", received_at=T0 + 7)
    assert arrival(one, T0 + 99, "wall") == arrival(one, T0 + 99, "event") == T0 + 7


def test_arrival_without_received_at() -> None:
    """Without `received_at`, Kafka's timestamp is the arrival by the wall clock, `sent_at` by the event clock."""
    one = event("click", received_at=None, sent_at=T0 + 5)
    assert arrival(one, T0 + 99, "wall") == T0 + 99
    assert arrival(one, T0 + 99, "event") == T0 + 5


def test_event_time_is_corrected_by_the_skew() -> None:
    """A client clock that is an hour slow loses that hour; the time between happening and sending stays."""
    slow = event("click", occurred_at=T0 - HOUR_MS, sent_at=T0 - HOUR_MS + 500, received_at=T0 + 500)
    assert event_time(slow, T0 + 500) == T0


def test_event_time_far_in_the_future_is_the_arrival() -> None:
    """More than 23 h after the arrival is the arrival; 23 h is kept."""
    limit = event("click", occurred_at=T0 + 23 * HOUR_MS, sent_at=T0, received_at=T0)
    beyond = event("click", occurred_at=T0 + 23 * HOUR_MS + 1, sent_at=T0, received_at=T0)
    assert event_time(limit, T0) == T0 + 23 * HOUR_MS
    assert event_time(beyond, T0) == T0


def test_watermark_is_the_highest_of_the_lower_of_event_time_and_arrival() -> None:
    """The watermark never goes back, and an event stamped ahead of its arrival moves it to the arrival only."""
    partition = PartitionFold()
    assert partition.watermark is None
    partition.record(event("click", occurred_at=at(60), sent_at=T0, received_at=T0), T0)
    assert partition.watermark == T0
    partition.record(event("click", 10), T0)
    partition.record(event("click", 5), T0)
    assert partition.watermark == at(10)


def test_an_explicit_watermark_only_moves_forward() -> None:
    """An explicit watermark raises W, never lowers it."""
    partition = fold(event("click", 10))
    partition.advance(at(5))
    assert partition.watermark == at(10)
    partition.advance(at(15))
    assert partition.watermark == at(15)


def test_the_first_watermark_of_an_empty_partition() -> None:
    """An explicit watermark counts also before the first record, and an empty batch without any does nothing."""
    partition = PartitionFold(Config())
    partition.end_of_batch()
    partition.advance(at(100))
    partition.record(event("click", 39.999), T0)
    assert partition.counts["shop"].late == 1
