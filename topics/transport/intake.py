"""From raw records to a checked slice: frame, decode, validate; what fails is told apart record by record."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.clocks import RecordTimes, has_times, record_times
from schemas.codec import Bad, Decoder, Reason, SchemaStore
from schemas.record_type import RecordType
from schemas.validation import violations
from topics.consuming import Record
from topics.source_clock import Heartbeat, SourceClock, heartbeat_of, stated_watermark
from topics.watermark import raise_at, running_watermarks

Int64s = npt.NDArray[np.int64]


class DivertedRecord(NamedTuple):
    """A record that will not reach an agent, where it stood among those polled of its partition, and why."""

    record: Record
    position: int
    reason: str
    stage: str
    message: str


class NoValue(enum.Enum):
    """What a record without value may be on a topic; what it is not is bad."""

    BAD = "bad"
    WATERMARK = "watermark"
    HEARTBEAT = "heartbeat"


class Slice(NamedTuple):
    """The valid records of one partition from one poll, their times, and what was diverted on the way.

    `columns` n rows; `event_time`, `arrival`, `watermarks` int64[n]; `watermark` the partition's after the slice, with
    the `heartbeats` of its sources that stood in it.
    """

    columns: pa.RecordBatch
    event_time: Int64s
    arrival: Int64s
    watermarks: Int64s
    watermark: int
    diverted: list[DivertedRecord]
    heartbeats: Sequence[Heartbeat] = ()


class Part(NamedTuple):
    """The records that one poll brought of one partition, in offset order, and its watermark before them.

    `sources` is the clock of a partition whose time others tell: its own records do not move it.
    """

    records: list[Record]
    watermark: int
    sources: SourceClock | None = None


class _Mark(NamedTuple):
    position: int
    watermark: int
    source: str | None = None


@dataclass(frozen=True)
class Intake:
    """Reads the records of one topic.

    `key_field` must equal the record key; in a `replay` no time is the broker's; `no_value` says what a record without
    value may be. In a `compact` topic one that is nothing else deletes its key for readers to come: no agent sees it,
    and it is no bad record.
    """

    record_type: RecordType
    decoder: Decoder
    key_field: str
    replay: bool
    no_value: NoValue
    compact: bool = False

    @classmethod
    def of(
        cls,
        record_type: RecordType,
        store: SchemaStore,
        key_field: str,
        *,
        replay: bool,
        divert_unknown: bool,
        no_value: NoValue,
        compact: bool = False,
    ) -> Intake:
        """An intake with its own decoder; `divert_unknown` dead-letters records whose schema is not known."""
        decoder = Decoder(record_type, store, unknown="dlq" if divert_unknown else "raise")
        return cls(record_type, decoder, key_field, replay, no_value, compact)

    def empty(self, watermark: int) -> Slice:
        """A slice without records."""
        none = np.empty(0, np.int64)
        columns = pa.RecordBatch.from_pylist([], schema=self.record_type.arrow_schema)
        return Slice(columns, none, none, none, watermark, [])

    def take(self, parts: Sequence[Part]) -> list[Slice]:
        """Read what one poll brought of each partition; all of it is decoded and validated at once.

        Raises UnknownSchema where the decoder meets a fingerprint it does not know.
        """
        records = [record for part in parts for record in part.records]
        marks, read = self._without_value(records)
        if self.compact:
            read = [position for position in read if records[position].value() is not None]
        decoded = self.decoder.decode([records[position].value() for position in read])
        diverted = [_divert(records, read[bad.index], bad, "decode") for bad in decoded.bad]
        columns, kept = decoded.batch, np.asarray(read, np.int64)[decoded.rows]
        invalid = {bad.index: bad for bad in violations(columns, self.record_type)}
        invalid |= {bad.index: bad for bad in self._bad_keys(records, kept, columns)}
        if invalid:
            diverted += [_divert(records, int(kept[row]), bad, "validate") for row, bad in invalid.items()]
            valid = np.ones(len(kept), np.bool_)
            valid[list(invalid)] = False
            columns, kept = columns.filter(pa.array(valid)), kept[valid]
        timestamps = np.array([records[position].timestamp()[1] for position in kept.tolist()], np.int64)
        times = record_times(columns, timestamps, replay=self.replay)
        diverted.sort(key=lambda one: one.position)
        return _cut(parts, columns, kept, times, marks, diverted)

    def _bad_keys(self, records: list[Record], kept: Int64s, columns: pa.RecordBatch) -> list[Bad]:
        keys = pa.array([records[position].key() for position in kept.tolist()], pa.binary())
        named = columns.column(self.key_field)
        same = pc.fill_null(pc.equal(keys, named.cast(pa.binary())), False)
        if pc.all(same).as_py() is not False and not _reserved(named):
            return []
        return [
            bad
            for row, (key, name) in enumerate(zip(keys.to_pylist(), named.to_pylist(), strict=True))
            if (bad := self._key_problem(row, key, name)) is not None
        ]

    def _key_problem(self, row: int, key: bytes | None, name: str) -> Bad | None:
        expected = f"the record key must be {self.key_field} in UTF-8, so that a key's records share a partition"
        if not key:
            return Bad(row, Reason.EMPTY_KEY, f"found no key; {expected}")
        if key[:1] == b"\0":
            return Bad(row, Reason.RESERVED_KEY, f"found a key that begins with NUL, which is reserved; {expected}")
        if key != name.encode():
            return Bad(
                row, Reason.KEY_MISMATCH, f"found key {key[:80]!r} with {self.key_field} {name[:80]!r}; {expected}"
            )
        return None

    def _without_value(self, records: list[Record]) -> tuple[list[_Mark], Sequence[int]]:
        """The watermarks that records without value state, and the positions of all other records."""
        if self.no_value is NoValue.BAD:
            return [], range(len(records))
        marks = [
            mark
            for position, record in enumerate(records)
            if record.value() is None and (mark := self._mark(position, record)) is not None
        ]
        taken = {mark.position for mark in marks}
        return marks, [position for position in range(len(records)) if position not in taken]

    def _mark(self, position: int, record: Record) -> _Mark | None:
        if self.no_value is NoValue.HEARTBEAT:
            heartbeat = heartbeat_of(record)
            return None if heartbeat is None else _Mark(position, heartbeat.watermark, heartbeat.source)
        watermark = stated_watermark(record)
        return None if watermark is None else _Mark(position, watermark)


def _cut(
    parts: Sequence[Part],
    columns: pa.RecordBatch,
    kept: Int64s,
    times: RecordTimes,
    marks: list[_Mark],
    diverted: list[DivertedRecord],
) -> list[Slice]:
    """The slice of each part; `kept` int64[n] tells each row's position among all records, ascending."""
    slices, begin = [], 0
    for part in parts:
        end = begin + len(part.records)
        low, high = np.searchsorted(kept, [begin, end]).tolist()
        event, arrival = times.event[low:high], times.arrival[low:high]
        if part.sources is None and has_times(columns.schema):
            watermarks = running_watermarks(event, arrival, part.watermark)
        else:
            watermarks = np.full(high - low, part.watermark, np.int64)
        own_marks = [mark for mark in marks if begin <= mark.position < end]
        heartbeats = [Heartbeat(mark.source, mark.watermark) for mark in own_marks if mark.source is not None]
        if part.sources is not None:
            reached = part.sources.after(heartbeats)
            heard = [mark for mark in own_marks if mark.source is not None]
            own_marks = [mark._replace(watermark=mark_at) for mark, mark_at in zip(heard, reached, strict=True)]
        for mark in own_marks:
            raise_at(watermarks, int(np.searchsorted(kept[low:high], mark.position)), mark.watermark)
        after = max([part.watermark, *watermarks[-1:].tolist(), *(mark.watermark for mark in own_marks)])
        own = [one._replace(position=one.position - begin) for one in diverted if begin <= one.position < end]
        slices.append(Slice(columns.slice(low, high - low), event, arrival, watermarks, after, own, heartbeats))
        begin = end
    return slices


def _reserved(keys: pa.Array) -> bool:
    return bool(pc.any(pc.starts_with(keys, "\0")).as_py())


def _divert(records: list[Record], position: int, bad: Bad, stage: str) -> DivertedRecord:
    return DivertedRecord(records[position], position, bad.reason.value, stage, bad.message)
