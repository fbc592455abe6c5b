"""Records that never saw a broker."""

from __future__ import annotations

from dataclasses import dataclass

from tests.topics.events import NOON
from topics.consuming import RecordHeaders


@dataclass
class Raw:
    """A record as a client hands it over; `of` is its topic, `where` its partition and offset."""

    raw_key: bytes | None
    raw_value: bytes | None
    raw_headers: RecordHeaders | None = None
    at: int = NOON
    of: str = "session-event"
    where: tuple[int, int] = (0, 0)

    def topic(self) -> str:
        return self.of

    def partition(self) -> int:
        return self.where[0]

    def offset(self) -> int:
        return self.where[1]

    def key(self) -> bytes | None:
        return self.raw_key

    def value(self) -> bytes | None:
        return self.raw_value

    def headers(self) -> RecordHeaders | None:
        return self.raw_headers

    def timestamp(self) -> tuple[int, int]:
        return 1, self.at
