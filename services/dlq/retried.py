"""Which letters were sent back: a marker for each, written in the transaction that sent its record."""

from __future__ import annotations

import json
from typing import NamedTuple

from schemas.errors import LamstreamError
from services.dlq.history import history_of
from services.dlq.letters import Letter, Place, parse_source
from topics.clients import admin_client
from topics.consuming import Record
from topics.partition_counts import counts_on_broker
from topics.settings import Settings
from topics.state.global_state import GlobalState
from topics.table import RETRIED_TOPIC


class MarkerUnreadable(LamstreamError):
    """What was sent back is not known for certain, so nothing may be."""


class Marker(NamedTuple):
    """That a letter was sent back. The timestamps tell it from one at the same place of a topic made anew."""

    letter: Place
    diverted_at: int
    source: Place
    source_timestamp: int
    attempt: int
    retried_at: int

    @property
    def key(self) -> bytes:
        """The record key: the letter's id."""
        return str(self.letter).encode()

    @property
    def value(self) -> bytes:
        """The record value, JSON."""
        told = {**self._asdict(), "letter": str(self.letter), "source": str(self.source)}
        return json.dumps(told).encode()


def marker_for(letter: Letter, retried_at: int) -> Marker:
    """The marker of a letter that is sent back now. Raises LookupError for a letter without a source."""
    if letter.source is None:
        raise LookupError(f"{letter.place} names no source; the caller refuses such letters")
    attempt = len(history_of(letter)) + 1
    return Marker(letter.place, letter.timestamp, letter.source, letter.source_timestamp, attempt, retried_at)


def read_marker(record: Record) -> Marker:
    """The marker that a record of the topic is. Raises MarkerUnreadable."""
    try:
        told = json.loads(record.value() or b"")
        letter, source = parse_source(told["letter"]), parse_source(told["source"])
        if letter is not None and source is not None:
            numbers = [int(told[name]) for name in ("diverted_at", "source_timestamp", "attempt", "retried_at")]
            return Marker(letter, numbers[0], source, *numbers[1:])
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        pass
    raise MarkerUnreadable(
        f"{record.topic()}[{record.partition()}] offset {record.offset()}: found {(record.value() or b'')[:80]!r}, "
        "expected the marker of a letter that was sent back; another version or hand wrote it, and without it a letter "
        "might be sent twice: use that version, or delete the record's key with Kafka's own tools"
    )


class Retried:
    """The markers known, by letter and by the record that failed: it may lie in two letters, after a rewind."""

    def __init__(self) -> None:
        self._by_letter: dict[tuple[Place, int], Marker] = {}
        self._by_source: dict[tuple[Place, int], Marker] = {}

    def add(self, marker: Marker) -> None:
        """Take note of one."""
        self._by_letter[(marker.letter, marker.diverted_at)] = marker
        self._by_source[(marker.source, marker.source_timestamp)] = marker

    def of(self, letter: Letter) -> Marker | None:
        """The marker that says that the letter's record was sent back, from this letter or another of it."""
        own = self._by_letter.get((letter.place, letter.timestamp))
        if own is not None or letter.source is None:
            return own
        return self._by_source.get((letter.source, letter.source_timestamp))


def read_retried(settings: Settings) -> Retried:
    """Every committed marker, to the topic's last stable offset.

    Raises TopicMismatch where it does not exist or cannot be read to its end, MarkerUnreadable.
    """
    retried = Retried()

    def note(records: list[Record]) -> None:
        for record in records:
            if record.value() is not None:
                retried.add(read_marker(record))

    reading = GlobalState(settings, settings.prefix + RETRIED_TOPIC, note)
    try:
        reading.start()
    finally:
        reading.close()
    return retried


def known_retried(settings: Settings) -> Retried:
    """The same, for those who only look: nothing is known where the topic does not exist yet."""
    there = settings.prefix + RETRIED_TOPIC in counts_on_broker(admin_client(settings), settings)
    return read_retried(settings) if there else Retried()
