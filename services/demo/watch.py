"""What a reader of the topics sees: counts, taken while the records come."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.codec import Decoder
from schemas.errors import LamstreamError
from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.clients import reader
from topics.consuming import Record, everywhere, take
from topics.settings import Settings
from topics.table import DEAD_LETTER_SUFFIX, TOPICS

WATCHED = ("session-event", "intervention", "site-delta", "session-event.dlq")
READ_AT_ONCE = 5000
WAIT_S = 0.2


class RecordsMissing(LamstreamError):
    """The embedded broker dropped records before they were read."""


@dataclass
class Seen:
    """Counts of what was read so far."""

    events: int = 0
    visits: int = 0
    orders: int = 0
    folded: int = 0
    unconsented: int = 0
    dead_letters: int = 0
    interventions: Counter[str] = field(default_factory=Counter)
    outputs: int = 0
    lost: str | None = None


class Watcher:
    """Reads the topics on a thread of its own, from their beginning, committed records only.

    `contiguous`: offsets have no holes, so that one means lost records (the embedded broker; a real one has markers).
    """

    def __init__(self, settings: Settings, *, contiguous: bool) -> None:
        self.seen = Seen()
        self._settings = settings
        self._contiguous = contiguous
        self._next: dict[tuple[str, int], int] = {}
        self._decoders = {
            name: Decoder(record_type(spec.record), SchemaStore())
            for name in WATCHED
            if (spec := TOPICS[name]).record is not None
        }
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lamstream-watch", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Raises RecordsMissing where the broker dropped records unread."""
        if self.seen.lost is not None:
            raise RecordsMissing(self.seen.lost)

    def _run(self) -> None:
        client = reader(self._settings)
        try:
            client.assign([target for name in WATCHED for target in self._partitions(client, name)])
            while not self._stopping.is_set():
                self._count(take(client, READ_AT_ONCE, WAIT_S).records)
        finally:
            client.close()

    def _partitions(self, client: Consumer, name: str) -> list[TopicPartition]:
        return everywhere(client, self._settings.prefix + name, OFFSET_BEGINNING, self._settings.request_timeout_s)

    def _count(self, records: list[Record]) -> None:
        by_topic: dict[str, list[bytes | None]] = {}
        for record in records:
            self._follow(record)
            topic = record.topic().removeprefix(self._settings.prefix)
            # Without value: watermarks and heartbeats; a dead letter may be of such.
            if topic.endswith(DEAD_LETTER_SUFFIX) or record.value() is not None:
                by_topic.setdefault(topic, []).append(record.value())
        for topic, values in by_topic.items():
            self._add(topic, values)

    def _follow(self, record: Record) -> None:
        where = (record.topic(), record.partition())
        expected = self._next.get(where, 0)
        if self._contiguous and record.offset() != expected:
            self.seen.lost = (
                f"{where[0]}[{where[1]}]: offset {record.offset()} follows {expected - 1}: the embedded broker "
                "dropped records before they were read; use a lower rate or a real Kafka (KAFKA=host:port)"
            )
        self._next[where] = record.offset() + 1

    def _add(self, topic: str, values: list[bytes | None]) -> None:
        seen = self.seen
        if topic == "session-event":
            seen.events += len(values)
        elif topic.endswith(DEAD_LETTER_SUFFIX):
            seen.dead_letters += len(values)
            seen.outputs += len(values)
        else:
            seen.outputs += len(values)
            records = self._decoders[topic].decode(values).batch.to_pylist()
            if topic == "intervention":
                seen.interventions.update(record["tier"] for record in records)
            else:
                seen.visits += sum(record["visits"] for record in records)
                seen.orders += sum(record["orders"] for record in records)
                seen.folded += sum(record["folded"] for record in records)
                seen.unconsented += sum(record["unconsented"] for record in records)
