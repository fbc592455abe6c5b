"""Time that others tell."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.topics.events import NOON
from tests.topics.raw import Raw
from topics.source_clock import SOURCE_HEADER, SOURCE_KEY_PREFIX, Heartbeat, SourceClock, heartbeat_of
from topics.watermark import BEFORE_ALL, WATERMARK_HEADER

PARTITIONS = {"session-event": 2, "mutation": 1}
SOURCES = ["session-event/0", "session-event/1", "mutation/0"]

heartbeats = st.lists(st.builds(Heartbeat, st.sampled_from(SOURCES), st.integers(0, 50)), max_size=40)


def clock_after(told: list[Heartbeat]) -> SourceClock:
    clock = SourceClock(PARTITIONS)
    for heartbeat in told:
        clock.hear(heartbeat)
    return clock


@given(heartbeats)
def test_it_is_the_least_of_what_each_source_reached(told: list[Heartbeat]) -> None:
    """In whatever order heartbeats came, and before all while any source was not heard."""
    reached = {name: max((at for source, at in told if source == name), default=BEFORE_ALL) for name in SOURCES}
    assert clock_after(told).watermark == min(reached.values())
    assert clock_after(told[::-1]).sources == reached


@given(heartbeats)
def test_it_never_goes_back(told: list[Heartbeat]) -> None:
    """Also where a source does, as one that is replayed; and `after` tells the same as hearing."""
    clock = SourceClock(PARTITIONS)
    steps = []
    foreseen = clock.after(told)
    for heartbeat in told:
        clock.hear(heartbeat)
        steps.append(clock.watermark)
    assert steps == sorted(steps)
    assert steps == foreseen


@given(heartbeats, heartbeats)
def test_what_a_failed_span_heard_was_never_heard(before: list[Heartbeat], span: list[Heartbeat]) -> None:
    """And the changes of a kept one, loaded, are the same clock."""
    clock = clock_after(before)
    logged = dict(zip(*clock.changes(), strict=True))
    clock.keep()
    known = clock.sources
    for heartbeat in span:
        clock.hear(heartbeat)
    clock.take_back()
    assert clock.sources == known
    assert clock.changes().keys == []
    restored = SourceClock(PARTITIONS)
    restored.load({key.removeprefix(SOURCE_KEY_PREFIX): int(value or b"") for key, value in logged.items()})
    assert restored.sources == known
    assert restored.changes().keys == []


def test_a_source_that_is_not_named_tells_nothing() -> None:
    """A topic that is no source any more, or a partition beyond what the broker had."""
    clock = clock_after([Heartbeat("session-event/7", NOON), Heartbeat("tombstone/0", NOON)])
    assert clock.sources == dict.fromkeys(SOURCES, BEFORE_ALL)


def test_a_heartbeat_is_read_as_it_was_written() -> None:
    """Source and watermark in headers; anything else without value is none."""
    sent = [(name, value) for name, value in Heartbeat("mutation/0", NOON).headers if isinstance(value, bytes)]
    assert heartbeat_of(Raw(None, None, sent)) == Heartbeat("mutation/0", NOON)
    assert heartbeat_of(Raw(None, None, [(WATERMARK_HEADER, b"5")])) is None
    assert heartbeat_of(Raw(None, None, [(SOURCE_HEADER, b"mutation/0"), (WATERMARK_HEADER, b"soon")])) is None
    assert heartbeat_of(Raw(None, None)) is None
