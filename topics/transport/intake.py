"""From raw records to a checked slice: frame, decode, validate; what fails is told apart record by record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.clocks import record_times
from schemas.codec import Bad, Decoder, Reason, SchemaStore
from schemas.record_type import RecordType
from schemas.validation import violations
from topics.consuming import Record, header
from topics.watermark import WATERMARK_HEADER, raise_at, running_watermarks

Int64s = npt.NDArray[np.int64]


class DivertedRecord(NamedTuple):
    """A record that will not reach an agent, and why."""

    record: Record
    position: int
    reason: str
    stage: str
    message: str


class Slice(NamedTuple):
    """The valid records of one partition from one poll, their times, and what was diverted on the way.

    `columns` n rows; `event_time`, `arrival`, `watermarks` int64[n]; `watermark` the partition's after the slice.
    """

    columns: pa.RecordBatch
    event_time: Int64s
    arrival: Int64s
    watermarks: Int64s
    watermark: int
    diverted: list[DivertedRecord]


class _Mark(NamedTuple):
    position: int
    watermark: int


@dataclass(frozen=True)
class Intake:
    """Reads the records of one topic. `key_field` must equal the record key; `replay` accepts watermark records."""

    record_type: RecordType
    decoder: Decoder
    key_field: str
    replay: bool

    @classmethod
    def of(
        cls, record_type: RecordType, store: SchemaStore, key_field: str, *, replay: bool, divert_unknown: bool
    ) -> Intake:
        """An intake with its own decoder; `divert_unknown` dead-letters records whose schema is not known."""
        decoder = Decoder(record_type, store, unknown="dlq" if divert_unknown else "raise")
        return cls(record_type, decoder, key_field, replay)

    def empty(self, watermark: int) -> Slice:
        """A slice without records."""
        none = np.empty(0, np.int64)
        columns = pa.RecordBatch.from_pylist([], schema=self.record_type.arrow_schema)
        return Slice(columns, none, none, none, watermark, [])

    def take(self, records: list[Record], watermark: int) -> Slice:
        """Read records in offset order; `watermark` is the partition's before them.

        Raises UnknownSchema where the decoder meets a fingerprint it does not know.
        """
        marks: list[_Mark] = []
        positions: list[int] | range = range(len(records))
        values = [record.value() for record in records]
        if self.replay and None in values:
            marks, positions = self._watermark_records(records)
            values = [values[position] for position in positions]
        decoded = self.decoder.decode(values)
        diverted = [_divert(records, positions[bad.index], bad, "decode") for bad in decoded.bad]
        kept = np.asarray(positions, np.int64)[decoded.rows]
        columns = decoded.batch
        invalid = {bad.index: bad for bad in self._bad_keys(records, kept, columns)}
        invalid |= {bad.index: bad for bad in violations(columns, self.record_type)}
        if invalid:
            diverted += [_divert(records, int(kept[row]), bad, "validate") for row, bad in invalid.items()]
            valid = np.ones(len(kept), np.bool_)
            valid[list(invalid)] = False
            columns, kept = columns.filter(pa.array(valid)), kept[valid]
        diverted.sort(key=lambda one: one.position)
        return self._timed(records, columns, kept, marks, watermark, diverted)

    def _timed(
        self,
        records: list[Record],
        columns: pa.RecordBatch,
        kept: Int64s,
        marks: list[_Mark],
        watermark: int,
        diverted: list[DivertedRecord],
    ) -> Slice:
        timestamps = np.array([records[position].timestamp()[1] for position in kept.tolist()], np.int64)
        times = record_times(columns, timestamps, replay=self.replay)
        watermarks = running_watermarks(times.event, times.arrival, watermark)
        for mark in marks:
            raise_at(watermarks, int(np.searchsorted(kept, mark.position)), mark.watermark)
        after = max([watermark, *watermarks[-1:].tolist(), *(mark.watermark for mark in marks)])
        return Slice(columns, times.event, times.arrival, watermarks, after, diverted)

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

    def _watermark_records(self, records: list[Record]) -> tuple[list[_Mark], list[int]]:
        marks, others = [], []
        for position, record in enumerate(records):
            stated = header(record, WATERMARK_HEADER) if record.value() is None else None
            if stated is not None and stated.isdigit():
                marks.append(_Mark(position, int(stated)))
            else:
                others.append(position)
        return marks, others


def _reserved(keys: pa.Array) -> bool:
    return bool(pc.any(pc.starts_with(keys, "\0")).as_py())


def _divert(records: list[Record], position: int, bad: Bad, stage: str) -> DivertedRecord:
    return DivertedRecord(records[position], position, bad.reason, stage, bad.message)
