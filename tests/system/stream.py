"""A real topology on real Kafka for a test: topics of its own, workers as processes, and waiting until all is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from services.demo.process import WorkerProcess
from services.publishing import Publisher
from services.replaying import Timed
from tests.kafka import unique
from topics.admin import apply
from topics.clients import group_observer
from topics.lag import lags
from topics.settings import Clock, Settings, load_settings

LIMIT_S = 120.0
LOOK_EVERY_S = 0.25
PARTITIONS = 6


@dataclass
class Stream:
    """Workers and topics of one test."""

    settings: Settings
    folder: Path
    _workers: dict[str, WorkerProcess] = field(default_factory=dict)

    def start(self, worker: str, **environment: str) -> WorkerProcess:
        """Start a worker of that identity."""
        settings = self.settings
        names = ("broker", "prefix", "guarantee", "clock", "partitions", "session_timeout_s", "transaction_timeout_s")
        values = {f"LAM_{name.upper()}": _text(getattr(settings, name)) for name in names}
        values |= {"LAM_METRICS_PORT": "0", "LAM_WORKER_ID": worker, **environment}
        log = self.folder / f"{worker}-{len(list(self.folder.glob('*.log')))}.log"
        self._workers[worker] = WorkerProcess(values, log)
        return self._workers[worker]

    def stop(self, worker: str) -> None:
        """Tell a worker to commit and leave, and wait for it."""
        self._workers.pop(worker).stop()

    def kill(self, worker: str) -> None:
        """End a worker at once, with whatever it has in hand."""
        self._workers.pop(worker).kill()

    def check(self) -> None:
        """Raises WorkerFailed where a worker ended by itself."""
        for worker in self._workers.values():
            worker.check()

    def publish(self, events: list[Timed]) -> None:
        """Publish session events and wait until the broker has them."""
        publisher = Publisher(self.settings, "session-event")
        for _, event in events:
            publisher.publish(event)
        publisher.flush()

    def watermark(self, at_ms: int) -> None:
        """Let event time reach `at_ms` on every partition."""
        publisher = Publisher(self.settings, "session-event")
        publisher.watermark(at_ms)
        publisher.flush()

    def committed(self) -> int:
        """Input records behind the group's committed offsets, over all partitions."""
        return self._ends() - self._lag()

    def until_committed(self, count: int) -> None:
        """Wait until the group committed at least `count` input records."""
        self._until(lambda: self.committed() >= count, f"{count} records committed")

    def until_read(self) -> None:
        """Wait until the group committed all that was published."""
        self._until(lambda: self._lag() == 0, "lag 0")

    def _until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.check()
            assert time.monotonic() < deadline, f"no {what} in {LIMIT_S:g} s; logs in {self.folder}"
            time.sleep(LOOK_EVERY_S)

    def _lag(self) -> int:
        return sum(one.lag for one in lags(self.settings))

    def _ends(self) -> int:
        name = self.settings.prefix + "session-event"
        with self._observer() as client:
            return sum(
                client.get_watermark_offsets(TopicPartition(name, number), timeout=LIMIT_S)[1]
                for number in range(PARTITIONS)
            )

    @contextmanager
    def _observer(self) -> Iterator[Consumer]:
        client = group_observer(self.settings, self.settings.group_id)
        try:
            yield client
        finally:
            client.close()

    def end(self) -> None:
        """Stop what still runs."""
        with ExitStack() as stack:
            for worker in self._workers.values():
                stack.callback(worker.stop)


@contextmanager
def stream_on(kafka: str, folder: Path, **overrides: Any) -> Iterator[Stream]:
    """A stream with fresh topics, on the clock of the records; its workers end with the context."""
    defaults: dict[str, Any] = {
        "broker": kafka,
        "prefix": unique("s") + "-",
        "clock": Clock.EVENT,
        "partitions": PARTITIONS,
        "session_timeout_s": 6,
        "transaction_timeout_s": 6,
    }
    stream = Stream(load_settings(**(defaults | overrides)), folder)
    apply(stream.settings)
    try:
        yield stream
    finally:
        stream.end()


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
