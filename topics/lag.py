"""How far the workers' group is behind: the stable end of what it reads, less what it committed."""

from __future__ import annotations

from typing import NamedTuple

from topics.group_offsets import group_offsets
from topics.settings import Settings


class PartitionLag(NamedTuple):
    """One partition of a topic (its full name), and the group's place in it.

    `committed` is None where the group committed nothing: `lag` then counts from the partition's beginning. `end` is
    the stable end: no open transaction lies below it.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int


def lags(settings: Settings) -> list[PartitionLag]:
    """The lag of the workers' group on every partition of every topic that agents read, by topic and number.

    In records, an upper bound where markers or compaction leave holes. Raises ConfigurationError where the broker does
    not answer, TopicMismatch where a topic is missing.
    """
    return [
        PartitionLag(one.topic, one.partition, one.committed, one.log.stable_end, one.lag)
        for one in group_offsets(settings)
    ]
