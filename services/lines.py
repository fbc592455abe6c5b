"""Lines of a file or pipe, as they come, numbered; a line that is too long is cut and never held whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

CHUNK_BYTES = 65_536
MAX_LINE_BYTES = 1_048_576


class Source(Protocol):
    """Where bytes come from; `read1` gives what is there, at most so much, and nothing at the end."""

    def read1(self, size: int, /) -> bytes:
        """Some bytes."""


class Line(NamedTuple):
    """One line without its end, counted from 1; `whole` is False where only its first bytes were kept."""

    number: int
    content: bytes
    whole: bool


def lines(source: Source, limit: int = MAX_LINE_BYTES) -> Iterator[list[Line]]:
    """The lines that each read completed, so that a slow pipe is followed and a large file needs little memory.

    At most `limit` bytes of a line are kept. The last line may lack its end.
    """
    number, rest, dropped = 0, bytearray(), False
    while chunk := source.read1(CHUNK_BYTES):
        *ended, last = chunk.split(b"\n")
        completed = []
        for part in ended:
            number += 1
            whole = not dropped and len(rest) + len(part) <= limit
            rest += part[: max(0, limit - len(rest))]
            completed.append(Line(number, bytes(rest), whole))
            rest.clear()
            dropped = False
        dropped = dropped or len(rest) + len(last) > limit
        rest += last[: max(0, limit - len(rest))]
        yield completed
    if rest:
        yield [Line(number + 1, bytes(rest), not dropped)]
