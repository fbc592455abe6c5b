"""Handing a slice to its agent, and waiting until the agent has completed it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from topics.errors import AgentFailed, Stuck
from topics.metrics import Meter
from topics.settings import Settings
from topics.transport.batch import RecordBatch
from topics.transport.member import Member
from topics.transport.message import Completion
from topics.transport.outbox import RecordEncoder
from topics.transport.patience import Patience
from topics.transport.suspects import Suspects
from topics.transport.work import Work

Deliver: TypeAlias = "Callable[[str, RecordBatch], Awaitable[None]]"
"""Hands a batch of a topic (full name) over to whoever reads it."""


class Delivery:
    """One batch at a time; what its agent changed and sends is part of the open span."""

    def __init__(self, settings: Settings, member: Member, meter: Meter, suspects: Suspects, deliver: Deliver) -> None:
        self._settings = settings
        self._member = member
        self._meter = meter
        self._suspects = suspects
        self._deliver = deliver
        self._encoder = RecordEncoder(f"/{settings.prefix}lamstream")

    def patience(self) -> Patience:
        """With all batches of a turn together."""
        return Patience(self._settings.agents_s)

    async def of(self, work: Work, patience: Patience) -> None:
        """Hand a slice to its agent and wait until it is completed.

        Raises AgentFailed where the agent raised, NotCompleted where it let go otherwise, Stuck where it did not.
        """
        partition, topic, part, end = work
        subject = f"a batch of {len(part.event_time)} records of {topic}[{partition.number}]"
        span = self._member.span
        watermark = max(part.watermark, partition.watermark)
        batch = RecordBatch(
            topic=topic.removeprefix(self._settings.prefix),
            partition=partition,
            columns=part.columns,
            event_time=part.event_time,
            arrival=part.arrival,
            watermarks=part.watermarks,
            watermark=watermark,
            encoder=self._encoder,
            span_outbox=span.outbox,
            completion=Completion(subject, asyncio.get_running_loop()),
        )
        try:
            with self._meter.stage("deliver"):
                await self._until_completed(topic, batch, patience, subject)
        except AgentFailed as failure:
            self._suspects.failed(partition, topic, end, str(failure), "agent")
            if partition.alone_failed(topic):
                partition.doubted_until = watermark
            raise
        self._suspects.passed(partition, topic, end, len(part.event_time))
        partition.watermark = watermark
        if partition.sources is not None:
            for heartbeat in part.heartbeats:
                partition.sources.hear(heartbeat)
        if span.outbox or partition.changed:
            span.progress()

    async def _until_completed(self, topic: str, batch: RecordBatch, patience: Patience, subject: str) -> None:
        async def completed() -> None:
            await self._deliver(topic, batch)
            await batch.completion.outcome

        handed_over = asyncio.ensure_future(completed())
        try:
            if not await patience.done(handed_over, self._settings.batch_timeout_s):
                raise Stuck(
                    f"{subject} was not completed within LAM_BATCH_TIMEOUT_S ({self._settings.batch_timeout_s:g} s), "
                    f"or its turn within {self._settings.agents_s:g} s of LAM_POLL_LIMIT_S "
                    f"({self._settings.poll_limit_s:g} s): is its agent running, and does anything in it block?"
                )
            await handed_over
        finally:
            handed_over.cancel()
