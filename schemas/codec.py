"""Values of a topic to Arrow record batches.

A batch is decoded at once with the schema that wrote it; what is not a record is named row by row, and its neighbours
come out unharmed. Ranges and lengths are a matter of `schemas.validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyruhvro

from schemas.bad import Bad, Reason
from schemas.encoder import Encoder
from schemas.errors import IncompatibleSchema, UnknownSchema
from schemas.framing import Framed, Framing, SingleObjectFraming
from schemas.record_type import RecordType
from schemas.resolution import Resolution
from schemas.store import SchemaStore
from schemas.tree import canonical_form, schema_tree
from schemas.walk import walk
from schemas.walk_program import Program, compile_program

__all__ = ["Bad", "Decoded", "Decoder", "Encoder", "Reason", "SchemaStore"]


class Decoded(NamedTuple):
    """The good records of a batch and the bad.

    `batch` holds the reader's columns in the order of its fields; `rows` int64[batch rows] says which value each row
    was, ascending; `bad` names every other value, ascending by index.
    """

    batch: pa.RecordBatch
    rows: npt.NDArray[np.int64]
    bad: list[Bad]


class Decoder:
    """Decodes the values of one record type, whichever version of its schema wrote them."""

    def __init__(
        self,
        record_type: RecordType,
        store: SchemaStore,
        *,
        unknown: Literal["raise", "dlq"] = "raise",
        framing: Framing | None = None,
    ) -> None:
        self._reader = record_type
        self._store = store
        self._unknown = unknown
        self._framing = framing or SingleObjectFraming()
        self._writers: dict[bytes, _Writer | _Refusal] = {}

    def decode(self, values: Sequence[bytes | None]) -> Decoded:
        """Decode values in their order, of one or several writers.

        Raises UnknownSchema for a fingerprint the store does not hold, before anything is decoded, unless the decoder
        was made with `unknown="dlq"`: then its records are bad. Raises nothing for a bad value.
        """
        framed = self._framing.read(values)
        writers = [self._writer(fingerprint) for fingerprint in framed.fingerprints]
        bad = list(framed.bad)
        parts = []
        for k, writer in enumerate(writers):
            rows = np.flatnonzero(framed.writer == k)
            if isinstance(writer, _Refusal):
                bad.extend(Bad(int(row), writer.reason, writer.message) for row in rows)
            else:
                part, refused = writer.decode(values, framed, rows)
                parts.append(part)
                bad.extend(refused)
        batch, rows = self._in_order(parts)
        if len(bad) > len(framed.bad):
            bad.sort()
        return Decoded(batch, rows, bad)

    def _in_order(self, parts: list[_Part]) -> _Part:
        if not parts:
            return _Part(pyruhvro.deserialize_array([], self._reader.schema_json), np.empty(0, np.int64))
        if len(parts) == 1:
            return parts[0]
        rows = np.concatenate([part.rows for part in parts])
        order = np.argsort(rows)
        return _Part(pa.concat_batches([part.batch for part in parts]).take(pa.array(order)), rows[order])

    def _writer(self, fingerprint: bytes) -> _Writer | _Refusal:
        known = self._writers.get(fingerprint)
        if known is None:
            try:
                known = self._prepare(fingerprint)
            except UnknownSchema as error:
                if self._unknown == "raise":
                    raise
                # Not remembered: the schema may still arrive.
                return _Refusal(Reason.UNKNOWN_SCHEMA, str(error))
            self._writers[fingerprint] = known
        return known

    def _prepare(self, fingerprint: bytes) -> _Writer | _Refusal:
        reader = self._reader
        if fingerprint == reader.fingerprint:
            return _Writer(reader.schema_json, compile_program(reader.schema_json), None)
        schema_json = self._store.get(fingerprint)
        name = schema_tree(schema_json)["name"]
        if name != reader.full_name:
            return _Refusal(
                Reason.WRONG_TYPE,
                f"found a record of {name}; expected {reader.full_name}: send it to the topic of its own type",
            )
        try:
            resolution = Resolution(schema_json, reader)
        except IncompatibleSchema as error:
            return _Refusal(Reason.INCOMPATIBLE_SCHEMA, f"writer's schema {fingerprint.hex()}: {error}")
        # The canonical form has no logical types, which would give columns of other types than the walker's.
        canonical = canonical_form(schema_json)
        return _Writer(canonical, compile_program(canonical), resolution)


class _Part(NamedTuple):
    batch: pa.RecordBatch
    rows: npt.NDArray[np.int64]


class _Refusal(NamedTuple):
    reason: Reason
    message: str


@dataclass(frozen=True)
class _Writer:
    """All that reading one writer's records takes; `resolution` is None where the writer's schema is the reader's."""

    schema_json: str
    program: Program
    resolution: Resolution | None

    def decode(
        self, values: Sequence[bytes | None], framed: Framed, rows: npt.NDArray[np.int64]
    ) -> tuple[_Part, list[Bad]]:
        """The good records among `values[rows]`, all of this writer, and the bad."""
        header_bytes = framed.header_bytes
        walked = walk(self.program, framed.buffer, framed.starts[rows] + header_bytes, framed.starts[rows + 1])
        faults = np.flatnonzero(walked.faults)
        bad = [Bad(int(rows[i]), *walked.describe(self.program, int(i))) for i in faults]
        good = np.delete(rows, faults) if len(faults) else rows
        # The batch decoder takes a list of bytes: one slice a record.
        chosen = values if len(good) == len(values) else [values[i] for i in good.tolist()]
        payloads = [value[header_bytes:] for value in cast("Sequence[bytes]", chosen)]
        batch, refused = _deserialize(payloads, self.schema_json)
        if refused:
            bad.extend(Bad(int(good[i]), Reason.MALFORMED, message) for i, message in refused)
            good = np.delete(good, [i for i, _ in refused])
        if self.resolution is not None:
            batch, unresolved = self.resolution.resolve(batch)
            if unresolved:
                bad.extend(Bad(int(good[entry.row]), entry.reason, entry.message) for entry in unresolved)
                kept = np.delete(np.arange(len(good)), [entry.row for entry in unresolved])
                batch, good = batch.take(pa.array(kept)), good[kept]
        return _Part(batch, good), bad


def _deserialize(payloads: list[bytes], schema_json: str) -> tuple[pa.RecordBatch, list[tuple[int, str]]]:
    """The batch, and the index and message of each payload that the batch decoder refuses though the walker did not."""
    try:
        return pyruhvro.deserialize_array(payloads, schema_json), []
    except ValueError as error:
        if len(payloads) == 1:
            return pyruhvro.deserialize_array([], schema_json), [(0, f"found a record that does not decode: {error}")]
    half = len(payloads) // 2
    left, left_refused = _deserialize(payloads[:half], schema_json)
    right, right_refused = _deserialize(payloads[half:], schema_json)
    return pa.concat_batches([left, right]), left_refused + [(half + i, message) for i, message in right_refused]
