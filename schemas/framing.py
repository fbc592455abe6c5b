"""What stands in front of a record on a topic and says which schema wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from schemas.bad import Bad, Reason, quoted
from schemas.tree import FINGERPRINT_BYTES

AVRO_MARKER = b"\xc3\x01"
CONFLUENT_MARKER = 0x00
CONFLUENT_HEADER_BYTES = 5


@dataclass(frozen=True)
class Framed:
    """The values of a batch, one after the other in one buffer, and the schema each was written with.

    `buffer` uint8[bytes]; value i lies at `starts[i]:starts[i + 1]` (`starts` int64[n + 1]) and its payload begins
    `header_bytes` later. `writer` int64[n] indexes `fingerprints`, -1 where the value has no valid frame; `bad` names
    those in ascending order.
    """

    buffer: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int64]
    header_bytes: int
    fingerprints: tuple[bytes, ...]
    writer: npt.NDArray[np.int64]
    bad: list[Bad]


class Framing(Protocol):
    """How records and the names of their schemas travel together."""

    @property
    def header_bytes(self) -> int:
        """Bytes in front of a payload."""

    def frame(self, fingerprint: bytes, payload: bytes) -> bytes:
        """One value: the payload behind its header."""

    def header(self, fingerprint: bytes) -> bytes:
        """What stands in front of every payload of a schema."""

    def read(self, values: Sequence[bytes | None]) -> Framed:
        """The frames of a batch; what has none is named in `Framed.bad`, nothing is raised for it."""


class SingleObjectFraming:
    """Avro single-object encoding: C3 01, the 8-byte fingerprint of the writer's schema, the payload.

    Source: Avro specification, "Single-object encoding".
    """

    header_bytes = len(AVRO_MARKER) + FINGERPRINT_BYTES

    def header(self, fingerprint: bytes) -> bytes:
        return AVRO_MARKER + fingerprint

    def frame(self, fingerprint: bytes, payload: bytes) -> bytes:
        return self.header(fingerprint) + payload

    def read(self, values: Sequence[bytes | None]) -> Framed:
        present = cast("Sequence[bytes]", [value or b"" for value in values] if None in values else values)
        buffer = np.frombuffer(b"".join(present), np.uint8)
        starts = np.zeros(len(values) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, present), np.int64, len(values)), out=starts[1:])
        fingerprints, writer = self._writers(buffer, starts)
        bad = [Bad(i, *_fault(values[i])) for i in np.flatnonzero(writer < 0).tolist()]
        return Framed(buffer, starts, self.header_bytes, fingerprints, writer, bad)

    def _writers(
        self, buffer: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]
    ) -> tuple[tuple[bytes, ...], npt.NDArray[np.int64]]:
        writer = np.full(len(starts) - 1, -1, np.int64)
        framed = np.flatnonzero(np.diff(starts) >= self.header_bytes)
        headers = buffer[starts[framed, None] + np.arange(self.header_bytes)]
        marked = (headers[:, 0] == AVRO_MARKER[0]) & (headers[:, 1] == AVRO_MARKER[1])
        if not marked.all():
            framed, headers = framed[marked], headers[marked]
        names = np.ascontiguousarray(headers[:, len(AVRO_MARKER) :]).view(np.uint64).ravel()
        if len(names) and (names == names[0]).all():
            distinct = names[:1]
            writer[framed] = 0
        else:
            distinct, inverse = np.unique(names, return_inverse=True)
            writer[framed] = inverse
        return tuple(name.tobytes() for name in distinct), writer


def _fault(value: bytes | None) -> tuple[Reason, str]:
    if value is None:
        return (
            Reason.NULL_VALUE,
            "found no value; expected a record: a null is a deletion, and on compacted topics only",
        )
    if len(value) >= CONFLUENT_HEADER_BYTES and value[0] == CONFLUENT_MARKER:
        schema_id = int.from_bytes(value[1:CONFLUENT_HEADER_BYTES], "big")
        return (
            Reason.NOT_AVRO,
            f"found Confluent framing with schema id {schema_id}, which is not configured; expected Avro single-object "
            "encoding (C3 01): configure a schema registry, or let the producer write single objects",
        )
    found = f"{len(value)} bytes beginning with {quoted(value[:12])}"
    return (
        Reason.NOT_AVRO,
        f"found {found}; expected Avro single-object encoding: C3 01, the 8-byte fingerprint of the schema, the record",
    )
