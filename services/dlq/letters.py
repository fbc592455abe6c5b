"""A dead letter: the record as it came, what was wrong with it, and where both lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from topics.consuming import Record, RecordHeaders
from topics.errors import ConfigurationError
from topics.table import DEAD_LETTER_SUFFIX, TOPICS
from topics.transport.dead_letters import ERROR_HEADER

RETRY_HEADER = "lamstream.retry."
RESERVED_HEADERS = (ERROR_HEADER, RETRY_HEADER)
"""Headers that are ours; all others are the producer's."""
MAX_DIGITS = 18
"""Of an offset or a time: what 64 bits hold."""


class Place(NamedTuple):
    """Where a record lies; `topic` without LAM_PREFIX."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True)
class Letter:
    """One dead letter.

    `place` is its id, `timestamp` when it was diverted, in ms; `key`, `value` and `headers` are as they lie there, and
    `told` is what the headers `lamstream.error.*` say, by the rest of their names.
    """

    place: Place
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: RecordHeaders
    told: Mapping[str, str]
    source: Place | None
    """Where the record stood when it failed; None where the headers do not say so of this letter's topic."""

    @property
    def reason(self) -> str:
        """Why it was diverted; empty where nothing says so."""
        return self.told.get("reason", "")

    @property
    def stage(self) -> str:
        """Where it failed: decode, validate or process."""
        return self.told.get("stage", "")

    @property
    def message(self) -> str:
        """What was found and expected."""
        return self.told.get("message", "")

    @property
    def source_timestamp(self) -> int:
        """The Kafka timestamp of the record that failed, in ms; -1 where nothing says so."""
        written = self.told.get("timestamp", "")
        return int(written) if _is_number(written) else -1

    @property
    def only_digest(self) -> bool:
        """Whether the record was too large for a letter, which holds its size and digest instead."""
        return self.value is None and "sha256" in self.told

    @property
    def producers_headers(self) -> RecordHeaders:
        """The headers that the record came with at first."""
        return [(name, value) for name, value in self.headers if not name.startswith(RESERVED_HEADERS)]


def letter_of(record: Record, prefix: str) -> Letter:
    """The letter that a record of a dead-letter topic is; a record of another hand is one without `source`."""
    topic = record.topic().removeprefix(prefix)
    headers = list(record.headers() or [])
    told = {
        name.removeprefix(ERROR_HEADER): (value or b"").decode(errors="backslashreplace")
        for name, value in headers
        if name.startswith(ERROR_HEADER)
    }
    return Letter(
        place=Place(topic, record.partition(), record.offset()),
        timestamp=record.timestamp()[1],
        key=record.key(),
        value=record.value(),
        headers=headers,
        told=told,
        source=_source(told, topic, prefix),
    )


def source_topic(dead_letters: str) -> str:
    """The topic whose letters these are."""
    return dead_letters.removesuffix(DEAD_LETTER_SUFFIX)


def parse_place(written: str) -> Place:
    """The id of a letter as people type it. Raises ConfigurationError where it is none."""
    topic, partition, offset = ["", "", *written.rsplit("/", 2)][-3:]
    if not (_is_number(partition) and _is_number(offset)):
        raise ConfigurationError(
            f"found the id {written!r}; expected topic/partition/offset as `lam dlq list --each` prints it, for "
            "example session-event.dlq/3/17"
        )
    return Place(dead_letter_topic(topic), int(partition), int(offset))


def parse_source(written: str) -> Place | None:
    """A place as `str` writes it, of whatever topic; None where it is none."""
    topic, partition, offset = ["", "", *written.rsplit("/", 2)][-3:]
    return Place(topic, int(partition), int(offset)) if _is_number(partition) and _is_number(offset) else None


def dead_letter_topic(written: str) -> str:
    """The dead letters of a topic, named by it or by themselves. Raises ConfigurationError where it has none."""
    topic = written if written.endswith(DEAD_LETTER_SUFFIX) else written + DEAD_LETTER_SUFFIX
    if topic not in TOPICS:
        raise ConfigurationError(
            f"topic {written!r} has no dead letters; those that agents read have: "
            f"{', '.join(source_topic(one) for one in dead_letter_topics())}"
        )
    return topic


def dead_letter_topics() -> tuple[str, ...]:
    """Every topic of the table that holds dead letters."""
    return tuple(name for name in TOPICS if name.endswith(DEAD_LETTER_SUFFIX))


def _source(told: Mapping[str, str], topic: str, prefix: str) -> Place | None:
    partition, offset = told.get("partition", ""), told.get("offset", "")
    expected = source_topic(topic)
    if told.get("topic") != prefix + expected or not (_is_number(partition) and _is_number(offset)):
        return None
    return Place(expected, int(partition), int(offset))


def _is_number(written: str) -> bool:
    return len(written) <= MAX_DIGITS and written.isascii() and written.isdigit()
