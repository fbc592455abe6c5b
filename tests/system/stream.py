"""A real topology on real Kafka for a test: topics of its own, workers as processes, and waiting until all is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from models.shop.shop import Sent
from services.demo.process import WorkerProcess
from services.publishing import MINUTE_MS, Publisher
from tests.kafka import unique
from tests.models.live.partition import KEY
from topics.admin import apply
from topics.lag import PartitionLag, lags
from topics.settings import Clock, Posteriors, Settings, load_settings

LIMIT_S = 120.0
LOOK_EVERY_S = 0.25
PARTITIONS = 6
MASTER_KEY = KEY.decode()
PASSED_ON = (
    *("broker", "prefix", "guarantee", "clock", "partitions", "posteriors"),
    *("session_timeout_s", "transaction_timeout_s", "poll_records"),
)
INPUTS = ("session-event", "mutation", "tombstone")
"""The topics whose time records without value tell."""


class Worker(Protocol):
    """A worker as a process."""

    def check(self) -> None:
        """Raises ProcessFailed where it has ended."""

    def kill(self) -> None:
        """End it at once."""

    def stop(self) -> None:
        """Tell it to end, and wait for that."""


Starting = Callable[[dict[str, str], Path], Worker]
"""Starts a worker with that environment, and its log there."""


@dataclass
class Stream:
    """Workers and topics of one test."""

    settings: Settings
    folder: Path
    starting: Starting = WorkerProcess
    _workers: dict[str, Worker] = field(default_factory=dict)
    _publishers: dict[str, Publisher] = field(default_factory=dict)

    def start(self, worker: str, **environment: str) -> Worker:
        """Start a worker of that identity."""
        values = {f"LAM_{name.upper()}": _text(getattr(self.settings, name)) for name in PASSED_ON}
        values |= {"LAM_METRICS_PORT": "0", "LAM_WORKER_ID": worker, "LAM_MASTER_KEY": MASTER_KEY}
        # Each worker has a disk of its own.
        values |= {"LAM_STATE_DIR": str(self.folder / "state" / worker), **environment}
        log = self.folder / f"{worker}-{len(list(self.folder.glob('*.log')))}.log"
        self._workers[worker] = self.starting(values, log)
        return self._workers[worker]

    def stop(self, worker: str) -> None:
        """Tell a worker to commit and leave, and wait for it."""
        self._workers.pop(worker).stop()

    def kill(self, worker: str) -> None:
        """End a worker at once, with whatever it has in hand."""
        self._workers.pop(worker).kill()

    def forget(self, worker: str) -> None:
        """A worker has ended, and that was to be expected."""
        self._workers.pop(worker)

    def check(self) -> None:
        """Raises ProcessFailed where a worker ended by itself."""
        for worker in self._workers.values():
            worker.check()

    def configure(self, sites: Iterable[dict[str, Any]]) -> None:
        """Publish site-configs: before workers start, since nothing says when a running one has read them."""
        for config in sites:
            self._publisher("site-config").publish(config)
        self._publisher("site-config").flush()

    def publish(self, records: list[Sent]) -> None:
        """Publish records of any input in their order, with the time at each full minute, and wait until all is there.

        The order between topics is kept as it is between producers: roughly.
        """
        minute = records[0].at_ms // MINUTE_MS
        for at_ms, topic, record in records:
            if at_ms // MINUTE_MS > minute:
                minute = at_ms // MINUTE_MS
                self._watermark(minute * MINUTE_MS)
            self._publisher(topic).publish(record)
        self._flush()

    def watermark(self, at_ms: int) -> None:
        """Let event time reach `at_ms` on every partition of every input."""
        self._watermark(at_ms)
        self._flush()

    def until_committed(self, count: int) -> None:
        """Wait until the group committed at least `count` records of session-event, markers of time included."""
        self._until(lambda: self._committed() >= count, f"{count} records committed")

    def until_read(self) -> None:
        """Wait until the group committed all that lies on the topics it reads, and nothing more came of that."""
        seen: list[list[PartitionLag]] = []

        def settled() -> bool:
            # One look is no moment: a partition asked early may have got what a partition asked late no longer holds.
            seen.append(lags(self.settings))
            return seen[-2:-1] == seen[-1:] and all(one.lag == 0 for one in seen[-1])

        self._until(settled, "lag 0")

    def end(self) -> None:
        """Stop what still runs."""
        with ExitStack() as stack:
            for worker in self._workers.values():
                stack.callback(worker.stop)

    def _publisher(self, topic: str) -> Publisher:
        if topic not in self._publishers:
            self._publishers[topic] = Publisher(self.settings, topic)
        return self._publishers[topic]

    def _watermark(self, at_ms: int) -> None:
        for topic in INPUTS:
            self._publisher(topic).watermark(at_ms)

    def _flush(self) -> None:
        for publisher in self._publishers.values():
            publisher.flush()

    def _committed(self) -> int:
        name = self.settings.prefix + "session-event"
        return sum(one.committed or 0 for one in lags(self.settings) if one.topic == name)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.check()
            assert time.monotonic() < deadline, f"no {what} in {LIMIT_S:g} s; logs in {self.folder}"
            time.sleep(LOOK_EVERY_S)


@contextmanager
def stream_on(kafka: str, folder: Path, starting: Starting = WorkerProcess, **overrides: Any) -> Iterator[Stream]:
    """A stream with fresh topics, on the clock of the records; its workers end with the context."""
    defaults: dict[str, Any] = {
        "broker": kafka,
        "prefix": unique("s") + "-",
        "clock": Clock.EVENT,
        "posteriors": Posteriors.LEARNING,
        "partitions": PARTITIONS,
        "session_timeout_s": 6,
        "transaction_timeout_s": 6,
    }
    stream = Stream(load_settings(**(defaults | overrides)), folder, starting)
    apply(stream.settings)
    try:
        yield stream
    finally:
        stream.end()


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))
