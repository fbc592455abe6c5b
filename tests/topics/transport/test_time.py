"""Time that passes without records."""

from __future__ import annotations

import time

from tests.kafka import Broker
from tests.topics.engine import Engine, committed_records, count, delta, engine_settings, running
from tests.topics.events import event, publish
from topics.settings import Clock
from topics.transport.batch import RecordBatch, Unit
from topics.watermark import BEFORE_ALL


async def count_and_tell(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Count, and let every row that is due leave with an output: what timers and closings do."""
    await count(engine, batch, unit)
    state = engine.counts.of(batch)
    if len(batch):
        state.rows["due_ms"][state.row_numbers(batch.columns["session_id"])] = batch.watermark + 1
    due = state.due(batch.watermark)
    if len(due):
        unit.send("site-delta", delta(batch, 0))
        state.release(due)
    engine.watermarks[batch.partition.number] = batch.watermark


async def test_a_partition_read_to_its_end_follows_the_clock(broker: Broker) -> None:
    """On the wall clock, what waits for the watermark happens without a further record, and is committed."""
    settings = engine_settings(broker, clock=Clock.WALL, idle_s=0.4)
    now = int(time.time() * 1000)
    async with running(settings, count_and_tell) as engine:
        fresh = event(0, occurred_at=now, sent_at=now, received_at=now)
        publish(settings.broker, settings.prefix + "session-event", [fresh])
        await engine.until(lambda: engine.seen == 1 and engine.states() == {})
        assert max(engine.watermarks.values()) > now
    assert [record["folded"] for record in committed_records(settings, "site-delta", 2)] == [1, 0]


async def test_on_the_clock_of_the_records_time_stands_still_without_them(broker: Broker) -> None:
    """In a replay a quiet partition's watermark does not move, however long nothing comes."""
    settings = engine_settings(broker, clock=Clock.EVENT, idle_s=0.1, tick_s=0.05)
    async with running(settings, count_and_tell) as engine:
        publish(settings.broker, settings.prefix + "session-event", [event(0)])
        await engine.until(lambda: engine.seen == 1)
        before, engine.ticks = dict(engine.watermarks), 0
        await engine.until(lambda: engine.ticks >= 20)
        assert {**engine.watermarks, **before} == engine.watermarks
        assert BEFORE_ALL in engine.watermarks.values()
        assert engine.states() == {"s-0": 1}
