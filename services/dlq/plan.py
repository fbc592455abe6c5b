"""Which letters can go back to their topic, and why the others cannot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from services.dlq.history import headers_with_history, history_of
from services.dlq.letters import Letter, Place
from services.dlq.retried import Retried, marker_for
from services.dlq.text import at
from topics.table import TOPICS
from topics.transport.outbox import Outgoing


class Kind(str, Enum):
    """The bounded set of reasons against sending a letter back."""

    RETRIED = "retried"
    NOT_OURS = "not_ours"
    ONLY_DIGEST = "only_digest"
    DELETION = "deletion"
    FAILED_AGAIN = "failed_again"
    TOO_LARGE = "too_large"


class Refusal(NamedTuple):
    """Why a letter stays where it is, and what to do; one that was sent back already is no failure."""

    kind: Kind
    message: str


def refusal(letter: Letter, retried: Retried, *, again: bool) -> Refusal | None:
    """Why a letter is not sent back; None where nothing speaks against it.

    `again` lets those pass that failed after they were sent back; nothing lets the same letter pass twice.
    """
    if letter.source is None:
        return Refusal(
            Kind.NOT_OURS,
            "its headers lamstream.error.* name no place on the topic that these letters are of, so that no worker "
            "wrote it; publish the record anew instead",
        )
    if (marker := retried.of(letter)) is not None:
        return Refusal(Kind.RETRIED, f"its record was sent back from {marker.letter} at {at(marker.retried_at)}")
    if letter.only_digest:
        return Refusal(
            Kind.ONLY_DIGEST,
            f"the record was too large for a letter, which holds its size and digest alone; it lies at {letter.source} "
            "as long as that topic keeps it: take it from there",
        )
    spec = TOPICS[letter.source.topic]
    if letter.value is None and spec.compact:
        return Refusal(Kind.DELETION, f"it has no value, which on the compacted {spec.name} would delete its key")
    if not again and (times := len(history_of(letter))):
        return Refusal(
            Kind.FAILED_AGAIN,
            f"it was sent back {times} time{'s' if times > 1 else ''} and failed again; mend the cause, then --again "
            "sends it once more",
        )
    size = outgoing(letter, 0, {}).size
    if size > spec.max_bytes:
        return Refusal(
            Kind.TOO_LARGE, f"with its history it has {size} bytes, {spec.name} takes {spec.max_bytes}; publish it anew"
        )
    return None


def outgoing(letter: Letter, now_ms: int, partitions: Mapping[str, int]) -> Outgoing:
    """The record as it goes back: key, value and headers as they came, with its history.

    It returns to its partition, where the other records of its key lie; to the key's where `partitions`, their number
    by topic, says that there is none of that number. Raises LookupError for a letter without a source.
    """
    source = letter.source
    if source is None:
        raise LookupError(f"{letter.place} names no source; the caller refuses such letters")
    partition = source.partition if source.partition < partitions.get(source.topic, 0) else None
    return Outgoing(letter.key, letter.value, headers_with_history(letter, now_ms), partition)


@dataclass
class Plan:
    """What a retry would do: the letters to send, and those refused, in the order read."""

    sending: dict[Place, None] = field(default_factory=dict)
    by_topic: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[Place, Refusal]] = field(default_factory=list)

    @property
    def failures(self) -> list[tuple[Place, Refusal]]:
        """Those refused that were not sent back before either."""
        return [(place, why) for place, why in self.refused if why.kind is not Kind.RETRIED]


def planned(made: Plan, retried: Retried, *, again: bool) -> Callable[[Letter], bool]:
    """Whether a letter was planned and still can go back, now that `retried` is known for certain.

    `retried` takes note of each that is let through, so that two letters of one record do not go together.
    """

    def chosen(letter: Letter) -> bool:
        if letter.place not in made.sending or refusal(letter, retried, again=again) is not None:
            return False
        retried.add(marker_for(letter, 0))
        return True

    return chosen


def plan(letters: Iterable[Letter], retried: Retried, *, again: bool) -> Plan:
    """Sort letters by whether they can go back. `retried` takes note of those that would."""
    made = Plan()
    for letter in letters:
        why = refusal(letter, retried, again=again)
        if why is None:
            marker = marker_for(letter, 0)
            retried.add(marker)
            made.sending[letter.place] = None
            made.by_topic[marker.source.topic] += 1
        else:
            made.refused.append((letter.place, why))
    return made
