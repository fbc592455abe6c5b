"""Where the partitions of an assignment begin and end, as far as a worker's consumer knows."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from topics.consuming import TopicNumber
from topics.transport.assignment import Assignment, Partition

ASK_S = 1.0
"""How long the broker may take to tell the end of a quiet partition."""

NOTE_EVERY_S = 1.0
"""How often it is noted where the partitions end."""


class Ends:
    """`noted`: the first offset and the end of each partition, as the last fetch told them; no broker is asked.

    Methods are called on the Kafka thread; `noted` may be read from elsewhere.
    """

    def __init__(self, consumer: Consumer, assignment: Assignment) -> None:
        self.noted: dict[TopicNumber, tuple[int, int]] = {}
        self._consumer = consumer
        self._assignment = assignment
        self._noted_at = time.monotonic()

    def note(self) -> None:
        """Look what the last fetches told, where the last look is old enough."""
        now = time.monotonic()
        if now - self._noted_at < NOTE_EVERY_S:
            return
        self._noted_at = now
        for partition in self._assignment.in_use():
            for tp in partition.topic_partitions:
                first, end = self._consumer.get_watermark_offsets(tp, cached=True)
                if end >= 0:
                    self.noted[(tp.topic, tp.partition)] = (first, end)

    def met(self, partitions: list[Partition]) -> list[tuple[Partition, int]]:
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

    def _at_stable_end(self, partition: Partition, topic: str) -> bool:
        target = TopicPartition(topic, partition.number)
        first, end = self._consumer.get_watermark_offsets(target, timeout=ASK_S)
        return bool(first == end or partition.positions.get(topic, 0) >= end)
