"""What there is for agents to do in a turn: slices of what was polled, and the passage of time where nothing was."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from schemas.errors import LamstreamError
from topics.consuming import Record
from topics.errors import AgentFailed
from topics.faults import FaultInjected, Point, reach
from topics.metrics import Meter
from topics.settings import Clock, Settings
from topics.table import TOPICS
from topics.transport.assignment import Assignment, Partition, Status
from topics.transport.dead_letters import dead_letter
from topics.transport.intake import DivertedRecord, Part, Slice
from topics.transport.kafka_thread import KafkaThread
from topics.transport.member import Member
from topics.transport.polling import Polled
from topics.transport.reading import Reading
from topics.transport.suspects import Suspects

NOT_OURS_TO_CATCH = (LamstreamError, FaultInjected, asyncio.CancelledError, KeyboardInterrupt, SystemExit)
"""What reading raises rightly; anything else, a panic of a decoder in Rust among it, may be of a record."""


class Work(NamedTuple):
    """A slice on its way to its agent; `end` is the offset behind its last record, None where it has none."""

    partition: Partition
    topic: str
    part: Slice
    end: int | None = None


class Workload:
    """Reads what was polled, diverts the bad of it, and tells partitions without records the time once per tick."""

    def __init__(
        self,
        settings: Settings,
        member: Member,
        assignment: Assignment,
        meter: Meter,
        reading: Reading,
        suspects: Suspects,
        thread: KafkaThread,
    ) -> None:
        self._settings = settings
        self._member = member
        self._assignment = assignment
        self._meter = meter
        self._reading = reading
        self._suspects = suspects
        self._thread = thread
        self._last_tick = time.monotonic()

    async def of(self, polled: Polled) -> list[Work]:
        """A slice of each topic and partition that is ready.

        Raises AgentFailed where a decoder fails other than by finding a record bad, BreakerOpen and SchemaMissing.
        """
        by_topic: defaultdict[str, list[tuple[Partition, list[Record]]]] = defaultdict(list)
        for (topic, number), records in polled.records.items():
            partition = self._assignment.of(topic, number)
            if partition is not None and partition.status is Status.READY:
                by_topic[topic].append((partition, records))
        works = []
        for topic, polled_of in by_topic.items():
            with self._meter.stage("decode"):
                read = await self._read(topic, polled_of)
            for (partition, records), part in zip(polled_of, read, strict=True):
                self._meter.read(topic, partition.number, len(records), part)
                partition.breakers[topic].observe([one.position for one in part.diverted], len(records), _last(part))
                self._divert(topic, part.diverted)
                partition.last_record = time.monotonic()
                works.append(Work(partition, topic, part, records[-1].offset() + 1))
        if works:
            reach(Point.DECODE)
        return works

    async def of_time(self, busy: set[Partition]) -> list[Work]:
        """Empty slices for partitions other than the `busy`, once per tick; idle ones follow the clock."""
        now = time.monotonic()
        if now - self._last_tick < self._settings.tick_s:
            return []
        self._last_tick = now
        marks = {partition: partition.watermark for partition in self._assignment.in_use() if partition not in busy}
        if self._settings.clock is Clock.WALL:
            quiet = [partition for partition in marks if now - partition.last_record >= self._settings.idle_s]
            silent = [partition for partition in quiet if partition.has_clock]
            for partition, asked_at in await self._thread.run(lambda: self._member.ends.met(silent)):
                marks[partition] = max(marks[partition], asked_at)
        return [self.until(partition, mark) for partition, mark in marks.items()]

    def until(self, partition: Partition, watermark: int) -> Work:
        """The passage of time alone."""
        topic = partition.topics[0]
        return Work(partition, topic, self._reading.empty(topic, watermark))

    async def _read(self, topic: str, polled: list[tuple[Partition, list[Record]]]) -> list[Slice]:
        parts = [Part(records, partition.watermark, partition.sources) for partition, records in polled]
        try:
            return await self._reading.read(topic, parts, self._thread.run)
        except NOT_OURS_TO_CATCH:
            raise
        except BaseException:
            return [
                await self._read_alone(topic, partition, part)
                for (partition, _), part in zip(polled, parts, strict=True)
            ]

    async def _read_alone(self, topic: str, partition: Partition, part: Part) -> Slice:
        try:
            (alone,) = await self._reading.read(topic, [part], self._thread.run)
        except NOT_OURS_TO_CATCH:
            raise
        except BaseException as error:
            cause = f"reading raised {type(error).__name__}: {error}"
            self._suspects.failed(partition, topic, part.records[-1].offset() + 1, cause, "decode")
            raise AgentFailed(f"records of {topic}[{partition.number}] were not read: {cause}") from error
        return alone

    def _divert(self, topic: str, diverted: Iterable[DivertedRecord]) -> None:
        target = TOPICS[topic.removeprefix(self._settings.prefix)].dead_letters
        for one in diverted:
            letter = dead_letter(one.record, topic=topic, reason=one.reason, stage=one.stage, message=one.message)
            self._member.span.outbox.add(target, letter)


def _last(part: Slice) -> str:
    if not part.diverted:
        return ""
    one = part.diverted[-1]
    return f"offset {one.record.offset()}: {one.reason}: {one.message}"
