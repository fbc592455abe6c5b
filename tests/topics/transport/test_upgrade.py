"""Versions that come and go under load, with one column more and one less: no row is lost, nor what is in it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, islice

import numpy as np

from schemas.row_layout import Column, RowLayout
from tests.kafka import Broker
from tests.topics.engine import COUNTS, Engine, engine_settings, running
from tests.topics.engine import count as count_events
from tests.topics.events import event, publish
from topics.embedded import PARTITIONS
from topics.settings import Settings
from topics.transport.batch import RecordBatch, Unit

SESSIONS = 23
AT_ONCE = 50
NEXT = RowLayout(
    "session",
    (*COUNTS.columns, Column("seen_by_next", "<i8", "Events counted by this version.", since="next")),
    "due_ms",
)


async def count_in_both(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """As the version before does, and into the new column."""
    await count_events(engine, batch, unit)
    if len(batch):
        state = engine.counts.of(batch)
        numbers = state.row_numbers(batch.columns.column("session_id"))
        np.add.at(state.rows["seen_by_next"], numbers, 1)


class Load:
    """Events without end, a few at a time."""

    def __init__(self, settings: Settings) -> None:
        self.sent: Counter[str] = Counter()
        self._settings = settings
        self._numbers = count()

    def send(self) -> int:
        """Some more; how many there are now."""
        events = [event(number, f"s-{number % SESSIONS}") for number in islice(self._numbers, AT_ONCE)]
        publish(self._settings.broker, self._settings.prefix + "session-event", events)
        self.sent.update(one["session_id"] for one in events)
        return self.sent.total()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """The load goes on beside whatever happens within."""
        ended = asyncio.Event()

        async def send_until_ended() -> None:
            while not ended.is_set():
                await asyncio.to_thread(self.send)

        sending = asyncio.ensure_future(send_until_ended())
        try:
            yield
        finally:
            ended.set()
            await sending


async def test_an_upgrade_and_a_rollback_under_load_lose_nothing(kafka: str) -> None:
    """N, N+1 beside it, N again, N+1 again: every event is counted once, and what N+1 wrote is there when it comes
    back, though N wrote to the same rows meanwhile."""
    settings = engine_settings(Broker(kafka, transactional=True))
    load = Load(settings)
    async with load.going_on():
        async with running(named(settings, "old")) as old:
            await old.until(lambda: old.seen > AT_ONCE)
            async with running(named(settings, "new"), count_in_both, layout=NEXT) as first:
                await first.until(lambda: first.seen > AT_ONCE)
                await drained(old)
                await first.until(lambda: first.partitions == PARTITIONS and first.seen > SESSIONS * AT_ONCE)
                await drained(first)
        async with running(named(settings, "old")) as old:
            await old.until(lambda: old.partitions == PARTITIONS and old.seen > SESSIONS * AT_ONCE)
            await drained(old)
        async with running(named(settings, "new"), count_in_both, layout=NEXT) as second:
            await second.until(lambda: second.partitions == PARTITIONS and second.seen > AT_ONCE)
            await drained(second)
    load.send()
    async with running(named(settings, "new"), count_in_both, layout=NEXT) as last:
        await last.until(lambda: sum(last.states().values()) == load.sent.total())
        assert last.states() == dict(load.sent)
        by_next = last.states(column="seen_by_next")
        assert sum(by_next.values()) == first.seen + second.seen + last.seen
        assert by_next.keys() == load.sent.keys()
        assert 0 < sum(by_next.values()) < load.sent.total()


async def drained(engine: Engine) -> None:
    """It leaves the group for good, so that others have its partitions at once."""
    engine.app.leaving_for_good = True
    await engine.app.stop()


def named(settings: Settings, worker: str) -> Settings:
    return settings.model_copy(update={"worker_id": worker})
