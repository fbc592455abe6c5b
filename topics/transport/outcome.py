"""What became of a commit that failed, by what the group has of each partition.

Its transaction is whole or nothing, so one note of it among the group's offsets says that it happened. A partition
whose note is of neither this nor the commit before is another worker's by now, or was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import TopicPartition

from topics.note import Note
from topics.transport.assignment import Partition

Found = Mapping[Partition, list[TopicPartition]]
"""What the group has of each topic of a partition."""


class Outcome(NamedTuple):
    """Whether the commit `happened`; partitions that are still as this worker left them, and all others."""

    happened: bool
    mine: list[Partition]
    others: list[Partition]


def outcome(asked: str | None, found: Found) -> Outcome:
    """What became of the commit of the name `asked`."""
    happened = any(_commit_of(tp) == asked for offsets in found.values() for tp in offsets)
    mine = [one for one, offsets in found.items() if _stands(one, offsets, asked if happened else None)]
    return Outcome(happened, mine, [one for one in found if one not in mine])


def _commit_of(tp: TopicPartition) -> str:
    return (Note.of(tp.metadata) or Note()).commit


def _stands(partition: Partition, offsets: list[TopicPartition], asked: str | None) -> bool:
    """Whether the group has of each topic what this worker left there: by the commit `asked`, or by the one before."""
    return all(
        _commit_of(tp)
        == (asked if asked and tp.topic in partition.positions else partition.committed_on(tp.topic).commit)
        for tp in offsets
    )
