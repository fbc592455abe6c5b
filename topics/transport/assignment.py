"""Which partitions this worker has, and what it knows of each: states, watermark, committed offsets."""

from __future__ import annotations

import enum
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from confluent_kafka import TopicPartition

from schemas.clocks import has_times
from schemas.record_type import record_type
from topics.breaker import Breaker
from topics.settings import Settings
from topics.source_clock import SourceClock
from topics.state.base import PartitionedState
from topics.state.restore import Progress
from topics.table import TOPICS, Group
from topics.watermark import BEFORE_ALL

CHANGELOG_IDS = "changelogs"
"""Name in the metadata of a committed offset of the ids of the changelogs whose rows stand at it."""

StateFactory = Callable[[], PartitionedState]


class Status(enum.Enum):
    """Where a partition stands."""

    RESTORING = "restoring"
    READY = "ready"
    SUSPENDED = "suspended"
    GONE = "gone"


@dataclass(eq=False)
class Partition:
    """One partition number of one group of co-partitioned topics.

    `positions` holds, by topic, the offset after the last record that took effect, transaction markers behind it
    included. The consumer's own position will not do: records that one poll already took count in it while a revoke
    within that same poll commits. `committed` holds the offsets this worker committed last; state in memory is worth
    keeping only where the group still has those. `logged_watermark` is the watermark the changelog holds. `sources` is
    the clock of a partition whose time others tell; `told_interval` the last activity interval of which those who
    listen to this one were told. `progress` is that of its restore, while it is restored; `logged_records` how many
    records its changelogs were given, or a restore read of them, since it was assigned. `changelog_ids` are the ids of
    its changelog topics, committed with its offsets; `built_on` those that came with the offsets it was assigned at.
    """

    group: Group
    number: int
    topics: tuple[str, ...]
    states: dict[str, PartitionedState]
    breakers: dict[str, Breaker]
    status: Status = Status.RESTORING
    watermark: int = BEFORE_ALL
    logged_watermark: int = BEFORE_ALL
    committed: dict[str, int] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    last_record: float = field(default_factory=time.monotonic)
    sources: SourceClock | None = None
    told_interval: int | None = None
    progress: Progress | None = None
    logged_records: int = 0
    changelog_ids: Mapping[str, str] = field(default_factory=dict)
    built_on: Mapping[str, str] = field(default_factory=dict)

    @property
    def has_clock(self) -> bool:
        """Whether its own records tell the time: others do not, and the records say when they happened."""
        if self.sources is not None:
            return False
        records = [TOPICS[topic].record for topic in self.group.topics]
        return any(record is not None and has_times(record_type(record).arrow_schema) for record in records)

    @property
    def topic_partitions(self) -> list[TopicPartition]:
        """The partitions of every topic of the group with this number."""
        return [TopicPartition(topic, self.number) for topic in self.topics]

    def reached(self, topic: str, offset: int) -> None:
        """Everything of the topic below `offset` took effect."""
        self.positions[topic] = max(offset, self.positions.get(topic, 0))

    @property
    def uncommitted(self) -> bool:
        """Whether a position moved since the last commit."""
        return any(self.committed.get(topic) != offset for topic, offset in self.positions.items())

    @property
    def topic_positions(self) -> list[TopicPartition]:
        """The position on each topic that has one."""
        named = json.dumps({CHANGELOG_IDS: dict(self.changelog_ids)}) if self.changelog_ids else ""
        return [TopicPartition(topic, self.number, offset, named) for topic, offset in self.positions.items()]

    @property
    def changed(self) -> bool:
        """Whether the open span touched any state."""
        return any(state.changed for state in self.states.values())

    def kept(self, *, offsets_taken: bool) -> None:
        """The span committed: states and watermark, and the offsets where they were taken, are what Kafka holds."""
        for state in self.states.values():
            state.keep()
        if self.sources is not None:
            self.sources.keep()
        self.logged_watermark = self.watermark
        if offsets_taken:
            self.committed |= self.positions


@dataclass
class Assignment:
    """The partitions of this worker, by group and number. `partition_counts` is that of each source topic at least."""

    settings: Settings
    groups: Mapping[str, Group]
    factories: Mapping[str, StateFactory]
    partitions: dict[tuple[str, int], Partition] = field(default_factory=dict)
    partition_counts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._group_of = {
            self.settings.prefix + topic: group for group in self.groups.values() for topic in group.topics
        }

    def of(self, topic: str, number: int) -> Partition | None:
        """The partition a record of this topic belongs to, if it is ours."""
        group = self._group_of.get(topic)
        return None if group is None else self.partitions.get((group.name, number))

    def in_use(self) -> list[Partition]:
        """Partitions whose state is whole."""
        return [partition for partition in self.partitions.values() if partition.status is Status.READY]

    def assign(self, committed: Iterable[TopicPartition]) -> list[Partition]:
        """Take a new assignment with the group's committed offsets (negative: none); returns what must be restored.

        A partition whose offsets are those this worker committed last keeps its state; what is not assigned is freed.
        """
        offsets: dict[tuple[str, int], dict[str, int]] = {}
        built_on: dict[tuple[str, int], dict[str, str]] = {}
        for tp in committed:
            key = self._group_of[tp.topic].name, tp.partition
            offsets.setdefault(key, {})[tp.topic] = tp.offset
            built_on.setdefault(key, {}).update(_changelog_ids(tp.metadata))
        for key in [key for key in self.partitions if key not in offsets]:
            self.partitions.pop(key).status = Status.GONE
        restoring = []
        for key, at in offsets.items():
            kept = self.partitions.get(key)
            if kept is not None and kept.status is Status.SUSPENDED and kept.committed == at:
                kept.status = Status.READY
                continue
            if kept is not None:
                kept.status = Status.GONE
            self.partitions[key] = self._new(*key, at, built_on[key])
            restoring.append(self.partitions[key])
        return restoring

    def suspend(self) -> None:
        """The partitions were taken away for now: keep what is whole, in case they come back."""
        for key, partition in list(self.partitions.items()):
            if partition.status is Status.READY:
                partition.status = Status.SUSPENDED
            else:
                self.partitions.pop(key).status = Status.GONE

    def drop(self) -> None:
        """The partitions are lost: forget everything."""
        for partition in self.partitions.values():
            partition.status = Status.GONE
        self.partitions.clear()

    def _new(self, group_name: str, number: int, committed: dict[str, int], built_on: dict[str, str]) -> Partition:
        group, settings = self.groups[group_name], self.settings
        topics = tuple(settings.prefix + topic for topic in group.topics)
        breakers = {
            topic: Breaker(f"{topic}[{number}]", settings.breaker_ratio, settings.breaker_window, settings.breaker_run)
            for topic in topics
        }
        states = {name: self.factories[name]() for name in group.states}
        known = {topic: offset for topic, offset in committed.items() if offset >= 0}
        sources = SourceClock({topic: self.partition_counts[topic] for topic in group.sources})
        return Partition(
            group,
            number,
            topics,
            states,
            breakers,
            committed=dict(committed),
            positions=known,
            sources=sources if group.sources else None,
            built_on=built_on,
        )


def _changelog_ids(metadata: str | None) -> dict[str, str]:
    """What an offset's metadata says; whoever set it otherwise, as Kafka's own tools do, claims nothing."""
    try:
        told = json.loads(metadata or "{}")[CHANGELOG_IDS]
    except (ValueError, KeyError, TypeError):
        return {}
    return {str(topic): str(id_) for topic, id_ in told.items()} if isinstance(told, dict) else {}
