"""Which partitions this worker has, and what it knows of each: states, watermark, committed offsets, suspicions."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from confluent_kafka import OFFSET_INVALID, TopicPartition

from schemas.clocks import has_times
from schemas.record_type import record_type
from topics.breaker import Breaker, BreakerCounts
from topics.note import Note
from topics.offset_checks import TopicNow
from topics.settings import Settings
from topics.source_clock import SourceClock
from topics.state.base import PartitionedState
from topics.state.restore import Progress
from topics.table import TOPICS, Group
from topics.transport.trial import ALONE_RAISED, Trial
from topics.watermark import BEFORE_ALL

StateFactory = Callable[[], PartitionedState]


class Status(enum.Enum):
    """Where a partition stands."""

    RESTORING = "restoring"
    READY = "ready"
    SUSPENDED = "suspended"
    GONE = "gone"


class Committed(NamedTuple):
    """What the group has of a topic partition: an offset, negative for none, and the commit that left it."""

    offset: int
    commit: str = ""


NOT_COMMITTED = Committed(OFFSET_INVALID)


@dataclass(eq=False)
class Partition:
    """One partition number of one group of co-partitioned topics.

    `positions` holds, by topic, the offset after the last record that took effect, transaction markers behind it
    included. The consumer's own position will not do: records that one poll already took count in it while a revoke
    within that same poll commits. `committed` holds what this worker committed last; state in memory is worth keeping
    only where the group still has that. `logged_watermark` is the watermark the changelog holds. `sources` is the clock
    of a partition whose time others tell; `told_interval` the last activity interval of which those who listen to this
    one were told. `trials` are topics with a record under suspicion, `unclean` those whose last worker may have died of
    one; `causes` what an agent raised, by topic, while it is not known of which record; `doubted_until`: it may have
    been of time that passes to this watermark. `progress` is that of its
    restore, while it is restored; `logged_records` how many records its changelogs were given, or a restore read of
    them, since it was assigned. `changelog_ids` are the ids of its changelog topics, committed with its offsets;
    `built_on` those that came with the offsets it was assigned at.
    """

    group: Group
    number: int
    topics: tuple[str, ...]
    states: dict[str, PartitionedState]
    breakers: dict[str, Breaker]
    status: Status = Status.RESTORING
    watermark: int = BEFORE_ALL
    logged_watermark: int = BEFORE_ALL
    committed: dict[str, Committed] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    last_record: float = field(default_factory=time.monotonic)
    sources: SourceClock | None = None
    told_interval: int | None = None
    trials: dict[str, Trial] = field(default_factory=dict)
    unclean: set[str] = field(default_factory=set)
    causes: dict[str, str] = field(default_factory=dict)
    doubted_until: int | None = None
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
        return any(self.committed_on(topic).offset != offset for topic, offset in self.positions.items())

    def committed_on(self, topic: str) -> Committed:
        """What this worker committed last on a topic."""
        return self.committed.get(topic, NOT_COMMITTED)

    def trial(self, topic: str) -> Trial:
        """What is under suspicion on a topic."""
        return self.trials.get(topic, Trial())

    def noted_positions(
        self, commit: str, facts: Mapping[str, TopicNow], trying: Mapping[str, Trial], *, at_rest: bool
    ) -> list[TopicPartition]:
        """The position on each topic that has one, with its note; `trying` are topics about to be tried."""
        noted = []
        for topic, offset in self.positions.items():
            # What an agent raised is not noted: another process may run a mended one, and finds out by itself.
            told = Trial() if topic in self.causes else self.trial(topic)
            trial, known = trying.get(topic) or told, facts.get(topic)
            tried, counts = (trial.tries, trial.until, trial.alone), self.breakers[topic].counts
            note = Note(commit, None, None, at_rest, *tried, self.changelog_ids, *counts)
            if known is not None:
                note = replace(note, partitions=known.partitions, topic_id=known.topic_id)
            noted.append(TopicPartition(topic, self.number, offset, note.encode()))
        return noted

    @property
    def changed(self) -> bool:
        """Whether the open span touched any state."""
        return any(state.changed for state in self.states.values())

    def failed(self, topic: str, end: int, cause: str) -> None:
        """The agent failed on records of the topic up to offset `end`, exclusive."""
        self.trials[topic] = self.trial(topic).failed(self.positions.get(topic, 0), end)
        self.causes[topic] = cause

    def alone_failed(self, topic: str) -> bool:
        """Whether the next record of the topic failed with no other beside it, so that it is about to be put aside."""
        return self.trial(topic).guilty(self.positions.get(topic, 0), ALONE_RAISED)

    def kept(self, commit: str, *, offsets_taken: bool) -> None:
        """The span committed: states and watermark, and the offsets where they were taken, are what Kafka holds."""
        for state in self.states.values():
            state.keep()
        if self.sources is not None:
            self.sources.keep()
        self.logged_watermark = self.watermark
        if not offsets_taken:
            return
        for breaker in self.breakers.values():
            breaker.keep()
        for topic, position in self.positions.items():
            if position != self.committed_on(topic).offset:
                self._passed(topic, position)
            self.committed[topic] = Committed(position, commit)

    def take_back(self) -> None:
        """The span failed: everything is again as the last commit left it."""
        for state in self.states.values():
            state.take_back()
        if self.sources is not None:
            self.sources.take_back()
        for breaker in self.breakers.values():
            breaker.take_back()
        self.watermark = self.logged_watermark
        self.positions = {topic: at.offset for topic, at in self.committed.items() if at.offset >= 0}
        self.told_interval = None

    def _passed(self, topic: str, position: int) -> None:
        trial = self.trial(topic).passed(position)
        if trial.open:
            self.trials[topic] = trial
        else:
            self.trials.pop(topic, None)
            self.causes.pop(topic, None)
            self.unclean.discard(topic)


@dataclass
class Assignment:
    """The partitions of this worker, by group and number.

    `partition_counts` is that of each source topic at least, by its name in the table; `facts` what notes say of the
    topics that are read, by full name.
    """

    settings: Settings
    groups: Mapping[str, Group]
    factories: Mapping[str, StateFactory]
    partitions: dict[tuple[str, int], Partition] = field(default_factory=dict)
    partition_counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, TopicNow] = field(default_factory=dict)

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

        A partition whose last commit is this worker's own keeps its state; what is not assigned is freed.
        """
        found: dict[tuple[str, int], dict[str, TopicPartition]] = {}
        for tp in committed:
            found.setdefault((self._group_of[tp.topic].name, tp.partition), {})[tp.topic] = tp
        for key in [key for key in self.partitions if key not in found]:
            self.partitions.pop(key).status = Status.GONE
        restoring = []
        for key, offsets in found.items():
            kept = self.partitions.get(key)
            if kept is not None and kept.status is Status.SUSPENDED and kept.committed == _committed(offsets.values()):
                kept.status = Status.READY
            else:
                restoring.append(self.replace(key, offsets.values()))
        return restoring

    def replace(self, key: tuple[str, int], committed: Iterable[TopicPartition]) -> Partition:
        """Forget what is known of a partition: it begins anew, to be restored, at the group's offsets."""
        known = self.partitions.pop(key, None)
        if known is not None:
            known.status = Status.GONE
        self.partitions[key] = self._new(*key, list(committed))
        return self.partitions[key]

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

    def _new(self, group_name: str, number: int, committed: list[TopicPartition]) -> Partition:
        group, settings = self.groups[group_name], self.settings
        topics = tuple(settings.prefix + topic for topic in group.topics)
        notes = {tp.topic: Note.of(tp.metadata) or Note() for tp in committed}
        breakers = {topic: self._breaker(topic, number, notes.get(topic, Note())) for topic in topics}
        states = {name: self.factories[name]() for name in group.states}
        positions = {tp.topic: tp.offset for tp in committed if tp.offset >= 0}
        sources = SourceClock({topic: self.partition_counts[topic] for topic in group.sources})
        return Partition(
            group,
            number,
            topics,
            states,
            breakers,
            committed=_committed(committed),
            positions=positions,
            sources=sources if group.sources else None,
            trials={topic: Trial(note.tries, note.until, note.alone) for topic, note in notes.items() if note.tries},
            unclean={topic for topic, note in notes.items() if not note.at_rest},
            built_on={state: id_ for note in notes.values() for state, id_ in note.changelogs.items()},
        )

    def _breaker(self, topic: str, number: int, note: Note) -> Breaker:
        limits = self.settings.breaker_ratio, self.settings.breaker_window, self.settings.breaker_run
        return Breaker(f"{topic}[{number}]", *limits, BreakerCounts(note.seen, note.invalid, note.in_a_row))


def _committed(offsets: Iterable[TopicPartition]) -> dict[str, Committed]:
    return {tp.topic: Committed(tp.offset, (Note.of(tp.metadata) or Note()).commit) for tp in offsets}
