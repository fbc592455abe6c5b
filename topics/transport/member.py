"""This worker as a member of its group: polls, hears of rebalances, commits spans. Runs on the Kafka thread alone.

librdkafka calls the rebalance callbacks inside the poll, when no batch is with an agent, so a revoke can still commit
the open span before the partitions go.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from topics.consuming import TopicNumber, committed_offsets
from topics.errors import PartitionsLost, StreamStopped
from topics.metrics import Meter, states_of
from topics.settings import Settings
from topics.transport.assignment import Assignment, Partition
from topics.transport.committer import Committer
from topics.transport.polling import Polled, poll
from topics.transport.snapshots import Snapshots
from topics.transport.span import Span

Metrics: TypeAlias = "Callable[[str, dict[str, str], float], None]"
"""Takes the name of a metric, its labels, and what is added to it."""

END_S = 1.0
"""How long the broker may take to tell the end of a quiet partition."""

ENDS_EVERY_S = 1.0
"""How often it is noted where the partitions end, as the last fetch told."""


def no_metrics(name: str, labels: dict[str, str], amount: float) -> None:
    """Where nobody counts."""


class Assigned(NamedTuple):
    """The group gave us these partitions, and no others."""

    partitions: list[TopicPartition]


class Revoked(NamedTuple):
    """The group took all partitions for now."""

    partitions: list[TopicPartition]


Rebalance: TypeAlias = "Assigned | Revoked"


class Member:
    """The consumer of a worker, its assignment, and the span that is open on it.


    `ends`: the first offset and the end of each partition, as the last fetch told them; the broker is not asked.
    """

    def __init__(
        self,
        settings: Settings,
        consumer: Consumer,
        committer: Committer,
        assignment: Assignment,
        meter: Meter,
        metrics: Metrics = no_metrics,
    ) -> None:
        self.span = Span()
        self.ends: dict[TopicNumber, tuple[int, int]] = {}
        self._ends_noted = time.monotonic()
        self._meter = meter
        self._settings = settings
        self._consumer = consumer
        self._committer = committer
        self._assignment = assignment
        self._snapshots = Snapshots(settings, meter)
        self._metrics = metrics
        self._rebalances: list[Rebalance] = []
        self._lost: str | None = None

    def join(self, topics: list[str]) -> None:
        """Become a member. Raises CommitFailed where exactly-once is asked of a broker that cannot."""
        self._committer.start()
        self._consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def poll(self, timeout_s: float) -> Polled:
        """Take what came. Raises PartitionsLost, or StreamStopped for an error that waiting does not mend."""
        polled = poll(self._consumer, self._settings.poll_records, timeout_s)
        if self._lost is not None:
            raise PartitionsLost(self._lost)
        self._note_ends()
        return polled

    def rebalances(self) -> list[Rebalance]:
        """What the group decided since this was asked last."""
        happened, self._rebalances = self._rebalances, []
        return happened

    def commit(self) -> None:
        """Make the open span permanent, and begin another. Raises CommitFailed."""
        if not self.span.progressed:
            return
        with self._meter.commit():
            self._commit(self._assignment.in_use())
        counts = self.span.outbox.counts
        self.span = Span()
        for metric, amount in counts.items():
            self._metrics(metric.name, dict(metric.labels), amount)

    def _commit(self, partitions: list[Partition]) -> None:
        with self._meter.stage("changelog"):
            records = self.span.records(self._settings.prefix, partitions)
        moved = any(partition.uncommitted for partition in partitions)
        if records or moved:
            # Every position, moved or not: offsets are what the broker checks a member's generation by, and without
            # them a worker that was frozen while its partitions went could still commit what time alone brought.
            positions = [position for partition in partitions for position in partition.topic_positions]
            taken = self._committer.commit(records, positions)
            for partition in partitions:
                partition.kept(offsets_taken=taken)
            self._meter.committed(records, states_of(partitions))
            self._snapshots.after_commit(partitions)

    def resume(self, partition: Partition) -> None:
        """Fetch a partition whose state is whole, from where that state stands."""
        for topic in partition.topics:
            position = partition.positions.get(topic, OFFSET_BEGINNING)
            self._consumer.seek(TopicPartition(topic, partition.number, position))
        self._consumer.resume(partition.topic_partitions)

    def at_end(self, partitions: list[Partition]) -> list[tuple[Partition, int]]:
        """Partitions that the broker confirms to be read to their stable end, and when (ms) it was asked.

        Where it does not answer at once it is not asked for the others: they wait for the next time.
        """
        confirmed = []
        for partition in partitions:
            asked_at = int(time.time() * 1000)
            try:
                if all(self._at_stable_end(partition, topic) for topic in partition.topics):
                    confirmed.append((partition, asked_at))
            except KafkaException:
                break
        return confirmed

    def leave(self) -> None:
        """Close without committing what is open."""
        self._assignment.drop()
        self._snapshots.close()
        self.span = Span()
        try:
            self._consumer.close()
        finally:
            self._committer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            committed = committed_offsets(consumer, partitions, self._settings.request_timeout_s)
        except KafkaException as error:
            raise StreamStopped(f"the group's committed offsets cannot be asked: {error.args[0]}") from error
        restoring = self._assignment.assign(committed)
        consumer.assign(
            [tp if tp.offset >= 0 else TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING) for tp in committed]
        )
        waiting = [tp for partition in restoring for tp in partition.topic_partitions]
        if waiting:
            consumer.pause(waiting)
        self._committer.assigned(consumer)
        self._meter.rebalanced("assigned")
        self._rebalances.append(Assigned(partitions))

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.commit()
        self._assignment.suspend()
        self._meter.rebalanced("revoked")
        self._rebalances.append(Revoked(partitions))

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._assignment.drop()
        self._meter.rebalanced("lost")
        named = ", ".join(f"{tp.topic}[{tp.partition}]" for tp in partitions)
        self._lost = (
            f"the group gave away {named} without asking: this worker did not poll or answer for longer than "
            f"LAM_SESSION_TIMEOUT_S ({self._settings.session_timeout_s:g} s) or LAM_POLL_LIMIT_S; nothing of the open "
            "span was committed, a restart goes on from the last commit"
        )

    def _note_ends(self) -> None:
        now = time.monotonic()
        if now - self._ends_noted < ENDS_EVERY_S:
            return
        self._ends_noted = now
        for partition in self._assignment.in_use():
            for tp in partition.topic_partitions:
                first, end = self._consumer.get_watermark_offsets(tp, cached=True)
                if end >= 0:
                    self.ends[(tp.topic, tp.partition)] = (first, end)

    def _at_stable_end(self, partition: Partition, topic: str) -> bool:
        target = TopicPartition(topic, partition.number)
        first, end = self._consumer.get_watermark_offsets(target, timeout=END_S)
        return bool(first == end or partition.positions.get(topic, 0) >= end)
