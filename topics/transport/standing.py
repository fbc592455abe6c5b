"""How a worker stands at a moment: the gauges of a scrape and what its health is told by. Asked from other threads.

Everything is read, nothing kept: a partition that is gone leaves no gauge behind.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from topics import metrics
from topics.metrics import Meter
from topics.settings import Settings
from topics.state.restore import Progress
from topics.transport.assignment import Assignment, Partition, Status
from topics.transport.member import Member
from topics.watermark import BEFORE_ALL

MS = 1000.0


class RestoreUnderWay(NamedTuple):
    """A partition that waits for its state.

    `rows` are those it has so far; of changelog records, those to read are an upper bound; the time left is None until
    records are read.
    """

    group: str
    partition: int
    rows: int
    records_read: int
    records_left: int
    records_per_second: float
    seconds_left: float | None


class Standing(Collector):
    """Reads a worker's assignment and open span; before `attach` there is nothing to read."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self.meter = meter
        self._settings = settings
        self._assignment: Assignment | None = None
        self._member: Member | None = None
        meter.registry.register(self)

    def attach(self, assignment: Assignment, member: Member) -> None:
        """The stream begins, with these."""
        self._assignment, self._member = assignment, member

    @property
    def turned_ago_s(self) -> float:
        """Seconds since the cycle last began a turn."""
        return time.monotonic() - self.meter.last_turn

    @property
    def partitions(self) -> list[Partition]:
        """This worker's partitions."""
        return [] if self._assignment is None else list(self._assignment.partitions.values())

    @property
    def ready(self) -> bool:
        """Whether the group was joined and every partition it gave is whole."""
        return self.meter.joined and all(partition.status is Status.READY for partition in self.partitions)

    def left(self, timeout_s: float) -> bool:
        """Whether this worker let its membership of the group go, waiting at most `timeout_s` for it."""
        return self._member is not None and self._member.left.wait(timeout_s)

    def restores(self) -> list[RestoreUnderWay]:
        """The partitions that are not whole yet."""
        now = time.monotonic()
        return [_under_way(one, now) for one in self.partitions if one.status is Status.RESTORING]

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: a registry would otherwise collect in order to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every gauge as it is now."""
        partitions = self.partitions
        yield metrics.WORKER_INFO.gauge([(metrics.worker_info(self._settings), 1)])
        yield metrics.SPAN_AGE.gauge([((), self._span_age_s())])
        yield from _times(partitions)
        yield metrics.LAG_RECORDS.gauge(self._lags(partitions))
        counts = Counter((partition.group.name, partition.status.value) for partition in partitions)
        yield metrics.PARTITIONS.gauge(counts.items())
        left = [(one.group, one.partition, one.records_left) for one in self.restores()]
        yield metrics.RESTORE_LEFT.gauge(((group, str(number)), records) for group, number, records in left)
        yield from _states(partitions)

    def _span_age_s(self) -> float:
        span = None if self._member is None else self._member.span
        return time.monotonic() - span.since if span is not None and span.progressed else 0.0

    def _lags(self, partitions: Iterable[Partition]) -> Iterator[tuple[tuple[str, ...], float]]:
        ends = {} if self._member is None else dict(self._member.ends.noted)
        for partition in partitions:
            for topic in partition.topics:
                if (topic, partition.number) in ends:
                    first, end = ends[(topic, partition.number)]
                    labels = topic.removeprefix(self._settings.prefix), str(partition.number)
                    yield labels, max(0, end - max(first, partition.positions.get(topic, 0)))


def _under_way(partition: Partition, now: float) -> RestoreUnderWay:
    rows = sum(len(state) for state in list(partition.states.values()))
    # Kept by hand: the cycle may take it away meanwhile.
    progress = partition.progress or Progress()
    rate = progress.rate(now)
    return RestoreUnderWay(
        partition.group.name,
        partition.number,
        rows,
        progress.read,
        progress.left,
        round(rate, 1),
        round(progress.left / rate, 1) if rate else None,
    )


def _times(partitions: Iterable[Partition]) -> Iterator[Metric]:
    marks = {(one.group.name, str(one.number)): one.watermark / MS for one in partitions if one.watermark > BEFORE_ALL}
    of_group: dict[str, list[float]] = {}
    for (group, _), mark in marks.items():
        of_group.setdefault(group, []).append(mark)
    now = time.time()
    yield metrics.WATERMARK.gauge(marks.items())
    yield metrics.WATERMARK_SKEW.gauge(((group,), max(all_) - min(all_)) for group, all_ in of_group.items())
    yield metrics.EVENT_TIME_LAG.gauge((labels, now - mark) for labels, mark in marks.items())


def _states(partitions: Iterable[Partition]) -> Iterator[Metric]:
    rows, memory = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for partition in partitions:
        for name, state in partition.states.items():
            rows[(name,)] += len(state)
            memory[(name,)] += state.memory_bytes
    yield metrics.STATE_ROWS.gauge(rows.items())
    yield metrics.STATE_BYTES.gauge(memory.items())
