"""Bringing a numbered load to a stream, and seeing how far the stream has come with it."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from services.publishing import CLOSE_ALL_MS, MINUTE_MS
from tests.system.load import Load, Numbered, site_configs
from tests.system.stream import Stream
from topics.clients import Deliveries, group_observer, producer
from topics.consuming import committed_offsets
from topics.settings import Settings

INPUT = "session-event"
AHEAD_ROUNDS = 2
"""How much input waits at least."""
LASTS_MS = 45 * MINUTE_MS
"""Event time over which containers are retired."""
NIGHT_MS = (CLOSE_ALL_MS, 70 * MINUTE_MS)
"""All that is open closes, and what was heard of it meanwhile is told in the next event-hour."""
ASK_S = 0.5
FULL_WAIT_S = 0.05
FLUSH_S = 120.0
LONG_S = 10.0
"""A pause worth telling."""


class Feeder:
    """Publishes fast, each record once, whatever becomes of a broker meanwhile."""

    def __init__(self, settings: Settings) -> None:
        self._prefix = settings.prefix
        self._producer: Producer = producer(settings)
        self._deliveries = Deliveries()

    def send(self, topic: str, records: list[Numbered]) -> None:
        """Hand records over."""
        waiting: list[dict[str, Any]] = [{"key": one.key, "value": one.value} for one in records]
        while waiting:
            self._producer.produce_batch(self._prefix + topic, waiting, on_delivery=self._deliveries)
            refused = [one for one in waiting if "_error" in one]
            for one in refused:
                if (error := one.pop("_error")).code() != KafkaError._QUEUE_FULL:
                    raise KafkaException(error)
            waiting = refused
            self._producer.poll(FULL_WAIT_S if waiting else 0)

    def flush(self) -> None:
        """Wait until all is acknowledged. Raises NotDelivered where it is not."""
        self._deliveries.wait(self._producer, FLUSH_S)


@dataclass(frozen=True)
class Pause:
    """Partitions that stood still while input waited: for so long (s), the longest of them, and until then (monotonic
    seconds).
    """

    partitions: list[int]
    seconds: float
    ended: float


class Progress:
    """How many records of the input the group has committed, and how long a partition that had some stood still.

    `pauses`: those that have ended and took LONG_S or more.
    """

    def __init__(self, settings: Settings) -> None:
        self.committed = 0
        self.longest_pause_s = 0.0
        self.pauses: list[Pause] = []
        self._client = group_observer(settings, settings.group_id)
        self._partitions = [TopicPartition(settings.prefix + INPUT, number) for number in range(settings.partitions)]
        self._moved: dict[int, tuple[int, float]] = {}
        self._asked = -ASK_S

    def ask(self, fed: int) -> int:
        """Records committed, as of half a second ago at most; as of before where no broker answers."""
        now = time.monotonic()
        if now - self._asked >= ASK_S:
            self._asked = now
            with suppress(KafkaException):  # no broker answers: the pause goes on
                self._note(committed_offsets(self._client, self._partitions, ASK_S), fed, now)
        return self.committed

    def close(self) -> None:
        """Let go of the client."""
        self._client.close()

    def _note(self, offsets: list[TopicPartition], fed: int, now: float) -> None:
        behind = fed > self.committed
        paused: dict[int, float] = {}
        self.committed = sum(max(0, one.offset) for one in offsets)
        for one in offsets:
            offset, since = self._moved.get(one.partition, (one.offset, now))
            if behind:
                self.longest_pause_s = max(self.longest_pause_s, now - since)
            if one.offset != offset or not behind or one.partition not in self._moved:
                self._moved[one.partition] = (one.offset, now)
                if behind and now - since >= LONG_S:
                    paused[one.partition] = now - since
        if paused:
            self.pauses.append(Pause(sorted(paused), round(max(paused.values()), 1), now))


class Feeding:
    """A load on its way into a stream."""

    def __init__(self, stream: Stream, load: Load) -> None:
        self.load = load
        self.progress = Progress(stream.settings)
        self._stream = stream
        self._feeder = Feeder(stream.settings)
        self._due: deque[Numbered] = deque()
        self._began = time.monotonic()
        self._sent = 0

    @property
    def fed(self) -> int:
        """Session events sent."""
        return self._sent

    def begin(self) -> None:
        """Sites and containers; the first event is sent by what follows."""
        self._stream.configure(site_configs())
        for topic, one in self.load.containers(LASTS_MS):
            self._feeder.send(topic, [one])
        self._feeder.flush()
        self._began = time.monotonic()

    def keep_ahead(self) -> None:
        """Send a round where little waits: as fast as it is read."""
        if self._sent - self.progress.ask(self._sent) < AHEAD_ROUNDS * self.load.slots:
            self._send(self.load.round())

    def keep_pace(self, rate: float) -> None:
        """Send what is due at `rate` events a second since the beginning."""
        due = int((time.monotonic() - self._began) * rate) - self._sent
        while len(self._due) < due:
            self._due.extend(self.load.round())
        self._send([self._due.popleft() for _ in range(due)])
        self.progress.ask(self._sent)

    def finish(self) -> None:
        """Let what is there be read; then visits close, containers become final, and what the next day brings stays."""
        self._send(list(self._due))
        self._due.clear()
        self._feeder.flush()
        for later_ms in NIGHT_MS:
            self._stream.until_read()
            self._stream.watermark(self.load.pause(later_ms))
        self._send(self.load.round())
        self._feeder.flush()
        self._stream.until_read()

    def close(self) -> None:
        """Let go of the clients."""
        self.progress.close()

    def _send(self, records: list[Numbered]) -> None:
        self._feeder.send(INPUT, records)
        self._sent += len(records)
