"""Dead letters for tests, made as workers make them."""

from __future__ import annotations

from dataclasses import dataclass

from services.dlq.letters import Letter, letter_of
from tests.topics.events import NOON
from tests.topics.raw import Raw
from topics.consuming import RecordHeaders
from topics.transport.dead_letters import dead_letter

PREFIX = "p-"


@dataclass
class Lying(Raw):
    """A record that lies somewhere."""

    of: str = PREFIX + "session-event"
    where: tuple[int, int] = (3, 100)


def diverted(
    record: Lying, where: tuple[int, int] = (3, 17), at: int = NOON + 5, reason: str = "not_avro", stage: str = "decode"
) -> Letter:
    """The letter of a record, as it lies in the dead letters of the record's topic."""
    sent = dead_letter(record, topic=record.of, reason=reason, stage=stage, message="no")
    assert not isinstance(sent.key, str)
    headers = [(name, value) for name, value in sent.headers or [] if isinstance(value, bytes)]
    return letter_of(Lying(sent.key, sent.value, headers, at, record.of + ".dlq", where), PREFIX)


def letter(value: bytes | None = b"\x00\xff", headers: RecordHeaders | None = None, **where: int) -> Letter:
    """A letter of session-event; `source` and `lies` are offsets."""
    source, lies = where.get("source", 100), where.get("lies", 17)
    return diverted(Lying(b"s-0", value, headers, where=(3, source)), (3, lies))
