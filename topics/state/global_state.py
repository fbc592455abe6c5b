"""A compacted topic that every worker reads whole and keeps up with between two cycles."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from topics.clients import admin_client, reader, take
from topics.errors import TopicMismatch
from topics.log_end import end_offsets
from topics.settings import Settings

UPDATES_AT_ONCE = 1000
READ_S = 0.2


class GlobalState:
    """Hands every record of a compacted topic to `apply(key, value)`, in order of each partition.

    It is in no transaction: workers agree eventually, and a decision records what it used of it.
    """

    def __init__(self, settings: Settings, topic: str, apply: Callable[[str, bytes | None], None]) -> None:
        self._settings = settings
        self._topic = topic
        self._apply = apply
        self._reader: Consumer | None = None

    def start(self) -> None:
        """Read the topic to the end it has now.

        Raises TopicMismatch where the topic does not exist, or does not answer in time.
        """
        self._reader = reader(self._settings)
        metadata = self._reader.list_topics(self._topic, timeout=self._settings.request_timeout_s).topics[self._topic]
        if not metadata.partitions:
            raise TopicMismatch(f"topic {self._topic} does not exist; `lam topics apply` creates it")
        partitions = [TopicPartition(self._topic, number) for number in metadata.partitions]
        try:
            ends = end_offsets(admin_client(self._settings), partitions, self._settings.request_timeout_s)
        except KafkaException as error:
            raise TopicMismatch(f"topic {self._topic}: its end cannot be asked: {error}") from error
        self._reader.assign([TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in metadata.partitions])
        deadline = time.monotonic() + self._settings.request_timeout_s
        behind = {number for number in metadata.partitions if ends[(self._topic, number)] > 0}
        while behind:
            for message in take(self._reader, UPDATES_AT_ONCE, READ_S):
                position = message.offset() if message.error() else message.offset() + 1
                if message.error() is None:
                    self._take(message.key(), message.value())
                if position >= ends[(self._topic, message.partition())]:
                    behind.discard(message.partition())
            if behind and time.monotonic() > deadline:
                raise TopicMismatch(f"topic {self._topic}: partitions {sorted(behind)} could not be read to their end")

    def update(self, timeout_s: float = 0.0) -> int:
        """Apply what arrived since; returns how many records that was."""
        if self._reader is None:
            return 0
        applied = 0
        for message in take(self._reader, UPDATES_AT_ONCE, timeout_s):
            if message.error() is None:
                self._take(message.key(), message.value())
                applied += 1
        return applied

    def close(self) -> None:
        """Leave the topic."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _take(self, key: bytes | None, value: bytes | None) -> None:
        if key is not None:
            self._apply(key.decode(errors="replace"), value)
