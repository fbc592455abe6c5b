"""A compacted topic that every worker reads whole and keeps up with between two cycles."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException

from topics.clients import admin_client, reader
from topics.consuming import Record, everywhere, take
from topics.errors import TopicMismatch
from topics.log_end import stable_ends
from topics.settings import Settings

UPDATES_AT_ONCE = 1000
READ_S = 0.2


class GlobalState:
    """Hands every record of a compacted topic that has a key to `apply`, some at a time, in order of each partition.

    It is in no transaction: workers agree eventually, and a decision records what it used of it.
    """

    def __init__(self, settings: Settings, topic: str, apply: Callable[[list[Record]], None]) -> None:
        self._settings = settings
        self._topic = topic
        self._apply = apply
        self._reader: Consumer | None = None

    def start(self) -> None:
        """Read the topic to its last stable offset: what a transaction holds that nobody has decided yet comes with an
        update.

        Raises TopicMismatch where the topic does not exist, or nothing comes of it for too long.
        """
        limit = self._settings.request_timeout_s
        self._reader = reader(self._settings)
        partitions = everywhere(self._reader, self._topic, OFFSET_BEGINNING, limit)
        if not partitions:
            raise TopicMismatch(f"topic {self._topic} does not exist; `lam topics apply` creates it")
        try:
            ends = stable_ends(admin_client(self._settings), partitions, limit)
        except KafkaException as error:
            raise TopicMismatch(f"topic {self._topic}: its end cannot be asked: {error}") from error
        self._reader.assign(partitions)
        behind = {where for where, end in ends.items() if end > 0}
        deadline = time.monotonic() + limit
        while behind:
            records, reached = take(self._reader, UPDATES_AT_ONCE, READ_S)
            reached = {(record.topic(), record.partition()): record.offset() + 1 for record in records} | reached
            if self._take(records):
                deadline = time.monotonic() + limit
            behind -= {where for where, position in reached.items() if position >= ends[where]}
            if behind and time.monotonic() > deadline:
                raise TopicMismatch(
                    f"topic {self._topic}: {sorted(behind)} could not be read to their end: nothing came for "
                    f"{limit:g} s"
                )

    def update(self, timeout_s: float = 0.0) -> int:
        """Apply what arrived since; returns how many records that was."""
        if self._reader is None:
            return 0
        return self._take(take(self._reader, UPDATES_AT_ONCE, timeout_s).records)

    def close(self) -> None:
        """Leave the topic."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _take(self, records: list[Record]) -> int:
        keyed = [record for record in records if record.key() is not None]
        if keyed:
            self._apply(keyed)
        return len(records)
