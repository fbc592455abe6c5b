"""Reading a poll: good records, diverted records, watermarks, cut by partition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.topics.events import ENCODER, NOON, event
from tests.topics.raw import Raw
from topics.consuming import Record
from topics.source_clock import Heartbeat, SourceClock
from topics.transport.intake import Intake, NoValue, Part
from topics.watermark import BEFORE_ALL, WATERMARK_HEADER


def intake(*, replay: bool = False, compact: bool = False) -> Intake:
    no_value = NoValue.WATERMARK if replay else NoValue.BAD
    return Intake.of(
        record_type("session-event"),
        SchemaStore(),
        "session_id",
        replay=replay,
        divert_unknown=True,
        no_value=no_value,
        compact=compact,
    )


def good(number: int, **fields: Any) -> Raw:
    made = event(number, **fields)
    return Raw(made["session_id"].encode(), ENCODER.encode(made))


def mark(at: int) -> Raw:
    return Raw(None, None, [(WATERMARK_HEADER, b"%d" % at)])


def test_a_key_that_is_not_the_records_own_is_told_apart() -> None:
    """No key, another key, and a reserved key each have their reason; the neighbours stay."""
    value = ENCODER.encode(event(1))
    reserved = ENCODER.encode(event(1, "\x00watermark"))
    records: list[Record] = [good(0), Raw(None, value), Raw(b"other", value), Raw(b"\x00watermark", reserved), good(2)]
    (part,) = intake().take([Part(records, BEFORE_ALL)])
    assert [(one.position, one.reason, one.stage) for one in part.diverted] == [
        (1, "empty_key", "validate"),
        (2, "key_mismatch", "validate"),
        (3, "reserved_key", "validate"),
    ]
    assert part.columns.column("event_id").to_pylist() == ["e-0", "e-2"]


def test_a_watermark_record_takes_effect_from_its_place_on() -> None:
    """In a replay it moves the watermark of what stands behind it, and the partition's if nothing does."""
    records: list[Record] = [good(0), mark(NOON + 50), good(1), mark(NOON + 900)]
    (part,) = intake(replay=True).take([Part(records, NOON - 10)])
    assert part.watermarks.tolist() == [NOON, NOON + 50]
    assert part.watermark == NOON + 900
    assert part.diverted == []


def test_outside_a_replay_a_watermark_record_is_a_null_value() -> None:
    """Nobody moves a worker's clock that runs on the wall clock."""
    (part,) = intake().take([Part([mark(NOON + 50)], BEFORE_ALL)])
    assert [one.reason for one in part.diverted] == ["null_value"]
    assert part.watermark == BEFORE_ALL


def test_a_null_value_deletes_in_a_compacted_topic_and_is_bad_elsewhere() -> None:
    """A deletion reaches neither an agent nor the dead letters, and its neighbours keep their places."""
    records: list[Record] = [good(0), Raw(b"s-0", None), Raw(b"s-0", b"?"), good(1)]
    (compacted,) = intake(compact=True).take([Part(records, BEFORE_ALL)])
    assert compacted.columns.column("event_id").to_pylist() == ["e-0", "e-1"]
    assert compacted.watermarks.tolist() == [NOON, NOON + 1]
    assert [one.position for one in compacted.diverted] == [2]
    (other,) = intake().take([Part(records, BEFORE_ALL)])
    assert [(one.position, one.reason) for one in other.diverted] == [(1, "null_value"), (2, "not_avro")]


def test_a_watermark_record_moves_a_compacted_topic_too() -> None:
    """A replay's watermark records have no value; they are no deletions."""
    (part,) = intake(replay=True, compact=True).take([Part([good(0), mark(NOON + 900)], BEFORE_ALL)])
    assert part.watermark == NOON + 900


def test_without_records_a_slice_is_empty_and_keeps_the_watermark() -> None:
    """The passage of time has every column and no row."""
    part = intake().empty(NOON)
    assert len(part.event_time) == 0
    assert part.columns.schema.names == record_type("session-event").arrow_schema.names
    assert part.watermark == NOON


def beat(partition: int, at: int) -> Raw:
    headers = [("lamstream.source", b"mutation/%d" % partition), (WATERMARK_HEADER, b"%d" % at)]
    return Raw(None, None, headers)


def test_heartbeats_move_the_time_of_a_group_with_sources_and_records_do_not() -> None:
    """They take effect from their place on, are never bad, and are handed on to be kept."""
    carrier = Intake.of(
        record_type("session-event"),
        SchemaStore(),
        "session_id",
        replay=False,
        divert_unknown=True,
        no_value=NoValue.HEARTBEAT,
    )
    clock = SourceClock({"mutation": 2})
    records: list[Record] = [beat(0, NOON + 500), good(0), beat(1, NOON + 300), good(1), Raw(b"s-0", None)]
    (part,) = carrier.take([Part(records, BEFORE_ALL, clock)])
    assert part.watermarks.tolist() == [BEFORE_ALL, NOON + 300]
    assert part.event_time.tolist() == [NOON, NOON + 1]
    assert part.watermark == NOON + 300
    assert part.heartbeats == [Heartbeat("mutation/0", NOON + 500), Heartbeat("mutation/1", NOON + 300)]
    assert [(one.position, one.reason) for one in part.diverted] == [(4, "null_value")]
    assert clock.watermark == BEFORE_ALL


def test_a_replays_watermark_record_does_not_move_a_group_with_sources() -> None:
    """It is taken for what it is, and tells nothing."""
    (part,) = intake(replay=True).take([Part([mark(NOON), good(0)], BEFORE_ALL, SourceClock({"mutation": 1}))])
    assert (part.watermark, part.diverted) == (BEFORE_ALL, [])


def test_a_heartbeat_on_another_topic_is_a_null_value() -> None:
    """Only the topic that the group names carries them."""
    (part,) = intake().take([Part([beat(0, NOON)], BEFORE_ALL)])
    assert [one.reason for one in part.diverted] == ["null_value"]


kinds = st.sampled_from(["good", "bad", "mark"])


@given(st.lists(st.lists(kinds, max_size=8), min_size=1, max_size=4))
def test_read_at_once_or_one_partition_at_a_time_is_the_same(partitions: list[list[str]]) -> None:
    """Cutting a poll by partition gives each partition what reading it alone would."""
    make: dict[str, Callable[[int], Raw]] = {
        "good": good,
        "bad": lambda _: Raw(b"s-0", b"?"),
        "mark": lambda number: mark(NOON + 7 * number),
    }
    parts = [
        Part([make[kind](10 * index + place) for place, kind in enumerate(kinds)], NOON - index)
        for index, kinds in enumerate(partitions)
    ]
    reader = intake(replay=True)
    for part, together in zip(parts, reader.take(parts), strict=True):
        (alone,) = reader.take([part])
        assert together.columns.to_pylist() == alone.columns.to_pylist()
        assert np.array_equal(together.watermarks, alone.watermarks)
        assert together.watermark == alone.watermark
        assert [one.position for one in together.diverted] == [one.position for one in alone.diverted]
