"""Telling the readers of a source how far its time has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from topics.source_clock import Heartbeat, source_name
from topics.table import Group
from topics.transport.assignment import Partition
from topics.transport.outbox import Outgoing


class _Target(NamedTuple):
    topic: str
    partitions: int


def listeners(groups: Iterable[Group], topics: Iterable[str]) -> list[Group]:
    """The groups that have any of the topics among their sources."""
    heard = set(topics)
    return [group for group in groups if heard.intersection(group.sources)]


class Heartbeats:
    """One heartbeat to every partition of every listener's topic each time a watermark enters another interval."""

    def __init__(self, interval_ms: int, groups: Iterable[Group], counts: Mapping[str, int]) -> None:
        """`groups` are all that may listen, `counts` the partitions of the topics that carry their heartbeats."""
        self._interval_ms = interval_ms
        self._targets: defaultdict[str, list[_Target]] = defaultdict(list)
        for group in groups:
            for source in group.sources:
                if group.heartbeats in counts:
                    self._targets[source].append(_Target(group.heartbeats, counts[group.heartbeats]))

    def due(self, partition: Partition) -> Iterator[tuple[str, Outgoing]]:
        """Heartbeats to send now that the partition's watermark stands where it does, and the topic of each.

        The first is due as soon as there is a watermark: after a start nobody here knows what was sent before.
        """
        if partition.watermark < 0:
            return
        interval = partition.watermark // self._interval_ms
        if partition.told_interval is not None and interval <= partition.told_interval:
            return
        partition.told_interval = interval
        for topic in partition.group.topics:
            headers = Heartbeat(source_name(topic, partition.number), partition.watermark).headers
            for target in self._targets.get(topic, ()):
                for number in range(target.partitions):
                    yield target.topic, Outgoing(None, None, headers, number)
