"""Whether the offsets a group committed still fit the topics they were committed on. Pure: nothing is asked here."""

from __future__ import annotations

import enum
from typing import NamedTuple

from topics.errors import OffsetsOutOfLog, StreamStopped, TopicChanged
from topics.note import Note

WHAT_TO_DO = (
    "`lam offsets show` tells how offsets and logs lie, `lam offsets reset TOPIC --to ...` says where to go on and "
    "whether state is kept or emptied"
)


class Log(NamedTuple):
    """Where a partition's log lies, in offsets.

    `start` is the first that it holds, `stable_end` the one after the last that no open transaction lies below, `end`
    the one after the last.
    """

    start: int
    stable_end: int
    end: int


class TopicNow(NamedTuple):
    """What a topic is at present."""

    partitions: int
    topic_id: str


class Strangeness(enum.Enum):
    """What can be strange about a committed offset."""

    REMADE = "remade"
    REPARTITIONED = "repartitioned"
    BELOW_START = "below_start"
    ABOVE_END = "above_end"
    ABOVE_STABLE_END = "above_stable_end"

    @property
    def stops(self) -> bool:
        """Whether a worker must not go on from there; else it is told to people who look."""
        return self is not Strangeness.ABOVE_STABLE_END


class Strange(NamedTuple):
    """What is strange, and in words what was found, expected, and what to do."""

    what: Strangeness
    message: str

    def error(self) -> StreamStopped:
        """The error of a worker that finds this."""
        about_topic = self.what in (Strangeness.REMADE, Strangeness.REPARTITIONED)
        return TopicChanged(self.message) if about_topic else OffsetsOutOfLog(self.message)


def refuse(strange: Strange | None) -> None:
    """End a worker on what it must not go on from. Raises OffsetsOutOfLog, TopicChanged."""
    if strange is not None and strange.what.stops:
        raise strange.error()


def strange_topic(topic: str, note: Note, now: TopicNow) -> Strange | None:
    """What changed about a topic since the note was written; None where nothing that the note tells did."""
    if note.topic_id is not None and note.topic_id != now.topic_id:
        return Strange(
            Strangeness.REMADE,
            f"topic {topic}: offsets were committed on the topic of id {note.topic_id}, found one of id "
            f"{now.topic_id}: it was deleted and made anew, the offsets mean other records, and state holds what the "
            f"old ones came to; {WHAT_TO_DO}",
        )
    if note.partitions is not None and note.partitions != now.partitions:
        return Strange(
            Strangeness.REPARTITIONED,
            f"topic {topic}: offsets were committed when it had {note.partitions} partitions, found {now.partitions}: "
            "keys moved to other partitions, and what state holds of them lies in the old ones; give every topic of "
            "the group and its changelogs that many (`lam topics check`, Kafka's own tools), then "
            "`lam offsets reset TOPIC --to ...` with --empty-state, or with --keep-state where keys may begin anew; "
            "`lam offsets show` tells how offsets and logs lie",
        )
    return None


def strange_offset(topic: str, partition: int, committed: int | None, log: Log) -> Strange | None:
    """What is strange about a partition's committed offset (None: nothing was committed); None where nothing is.

    A quiet partition that was read to its end and then emptied by retention is as it should be: its committed offset
    is both start and end of the log. Without a committed offset reading begins at the start, wherever that is.
    """
    if committed is None or log.start <= committed <= log.stable_end:
        return None
    where = f"{topic}[{partition}]: the group's offset is {committed}"
    if committed < log.start:
        gone = log.start - committed
        return Strange(
            Strangeness.BELOW_START,
            f"{where}, the log begins at {log.start} (end {log.end}): {gone} offsets were deleted before they were "
            "read, by retention or by hand; their records are lost, unless nothing but markers of transactions lay "
            f"there, which cannot be told; {WHAT_TO_DO}",
        )
    if committed > log.end:
        return Strange(
            Strangeness.ABOVE_END,
            f"{where}, the log ends at {log.end} (start {log.start}): the topic was made anew, or its log was "
            "truncated when a replica that lacked records became leader; what comes up to that offset would be "
            f"skipped; {WHAT_TO_DO}",
        )
    return Strange(
        Strangeness.ABOVE_STABLE_END,
        f"{where}, the stable end {log.stable_end} (end {log.end}): records of a transaction that is still open lie "
        "below it and will not be read, where it commits; a worker never commits so: were offsets set by hand?",
    )
