"""Publishing records as any producer does: validated, framed, keyed; and the watermarks of a replay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.encoder import Encoder
from schemas.record_type import record_type
from services.replaying import Timed
from topics.clients import Deliveries, producer
from topics.errors import ConfigurationError
from topics.settings import Settings
from topics.state.restore import WATERMARK_KEY
from topics.table import TOPICS
from topics.watermark import WATERMARK_HEADER

QUEUE_FULL_WAIT_S = 0.1
MINUTE_MS = 60_000
CLOSE_ALL_MS = 25 * 60 * MINUTE_MS
"""Behind the last event: further than any visit or timer reaches."""

BY_HAND = frozenset(name for name, spec in TOPICS.items() if spec.input) | {"site-config"}
"""Topics whose records come from outside; all others have one writer, which is a worker."""


class Publisher:
    """Sends records of one topic. `sent` counts those handed over."""

    def __init__(self, settings: Settings, topic: str) -> None:
        spec = TOPICS[topic]
        if spec.record is None or spec.key is None:
            raise ConfigurationError(f"topic {topic} takes no records; see `lam topics list`")
        self.sent = 0
        self._topic = settings.prefix + topic
        self._key = spec.key
        # A broker refuses records without key on a compacted topic.
        self._watermark_key = WATERMARK_KEY if spec.compact else None
        self._encoder = Encoder(record_type(spec.record))
        self._settings = settings
        self._producer: Producer = producer(settings)
        self._deliveries = Deliveries()
        self._partitions = self._count_partitions()

    def publish(self, record: Mapping[str, Any]) -> None:
        """Send one record. Raises UnfitRecord where it does not fit its schema."""
        self.publish_value(str(record[self._key]), self._encoder.encode(record))

    def publish_value(self, key: str, value: bytes) -> None:
        """Send a record that was encoded, and checked, before."""
        self._produce(key, value)
        self.sent += 1

    def watermark(self, at_ms: int) -> None:
        """Tell every partition that event time has reached `at_ms`; only workers on the event clock take it."""
        for partition in range(self._partitions):
            self._produce(self._watermark_key, None, partition=partition, headers=[(WATERMARK_HEADER, b"%d" % at_ms)])

    def flush(self) -> None:
        """Wait until everything is acknowledged. Raises NotDelivered where it is not."""
        self._deliveries.wait(self._producer, self._settings.request_timeout_s)

    def replay(self, events: Iterable[Timed], before: Callable[[int], None] = lambda at_ms: None) -> None:
        """Send events in their order, with a watermark every minute of event time, and one at the end that closes all.

        `before` is called with each event's time, in ms, before it is sent: to keep pace, and to look after others.
        """
        minute, at_ms = -1, 0
        for at_ms, event in events:
            if at_ms // MINUTE_MS > minute:
                minute = at_ms // MINUTE_MS
                self.watermark(minute * MINUTE_MS)
            before(at_ms)
            self.publish(event)
        self.watermark(at_ms + CLOSE_ALL_MS)
        self.flush()

    def _produce(self, key: str | None, value: bytes | None, **where: Any) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._deliveries, **where)
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(QUEUE_FULL_WAIT_S)

    def _count_partitions(self) -> int:
        try:
            metadata = self._producer.list_topics(self._topic, timeout=self._settings.request_timeout_s)
        except KafkaException as error:
            raise ConfigurationError(
                f"no broker answers at {self._settings.broker} ({error.args[0].str()}); is LAM_BROKER right?"
            ) from error
        partitions = metadata.topics[self._topic].partitions
        if not partitions:
            raise ConfigurationError(f"topic {self._topic} does not exist; `lam topics apply` creates it")
        return len(partitions)
