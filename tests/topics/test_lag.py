"""Lag is 0 when everything was read, whatever lies behind the last record."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from schemas.row_layout import RowLayout
from tests.kafka import Broker, unique
from tests.topics.engine import COUNTS, LIMIT_S, Engine, engine_settings, running
from tests.topics.events import CLIENT, ENCODER, event, publish
from topics.embedded import PARTITIONS
from topics.group_offsets import group_offsets
from topics.lag import lags
from topics.settings import Settings
from topics.transport.app import StreamApp
from topics.transport.batch import RecordBatch, Unit

EVENTS = [event(number, f"s-{number % 2}") for number in range(20)]
"""Of two sessions: some partitions are never written."""


DAY_S = 86_400.0


def further_states(app: StreamApp) -> None:
    """States for the agents of the other groups, which stay empty."""
    for name in ("posterior", "site", "container"):
        app.column_state(RowLayout(name, COUNTS.columns, "due_ms"))


async def take_note(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """What an agent does that only lets time pass."""


async def count_only(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Count, and send nothing: topics of other agents stay empty."""
    state = engine.counts.of(batch)
    if len(batch):
        np.add.at(state.rows["events"], state.row_numbers(batch.columns.column("session_id")), 1)


def publish_in_transactions(settings: Settings, aborted_everywhere: bool) -> None:
    """Commit the events, then abort others: behind the events alone, or on every partition."""
    topic = settings.prefix + "session-event"
    producer = Producer({"bootstrap.servers": settings.broker, **CLIENT, "transactional.id": unique("producer")})
    producer.init_transactions(LIMIT_S)
    producer.begin_transaction()
    for one in EVENTS:
        producer.produce(topic, ENCODER.encode(one), one["session_id"])
    producer.commit_transaction(LIMIT_S)
    producer.begin_transaction()
    for number in range(PARTITIONS if aborted_everywhere else 0):
        producer.produce(topic, ENCODER.encode(event(99)), "s-0", partition=number)
    for session in ("s-0", "s-1"):
        producer.produce(topic, ENCODER.encode(event(100, session)), session)
    producer.flush(LIMIT_S)
    producer.abort_transaction(LIMIT_S)


def gauges(engine: Engine) -> list[float]:
    """The worker's own view of its lag, of each partition it fetched from."""
    (family,) = (one for one in engine.app.meter.registry.collect() if one.name == "lamstream_lag_records")
    return [sample.value for sample in family.samples]


@pytest.mark.parametrize("written", ["plainly", "in transactions", "in transactions, aborted ones alone elsewhere"])
async def test_lag_comes_down_to_zero(kafka: str, written: str) -> None:
    """On every partition of every topic, never written ones among them; the worker's own gauge says the same."""
    settings = engine_settings(Broker(kafka, transactional=True), activity_interval_s=DAY_S)
    if written == "plainly":
        publish(kafka, settings.prefix + "session-event", EVENTS)
    else:
        publish_in_transactions(settings, aborted_everywhere=written.endswith("elsewhere"))
    assert sum(one.lag for one in lags(settings)) >= len(EVENTS)
    others: dict[str, Any] = dict.fromkeys(("posteriors", "sites", "assembly"), take_note)
    async with running(settings, count_only, further_states, **others) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
        deadline = time.monotonic() + LIMIT_S
        while any(one.lag for one in await asyncio.to_thread(lags, settings)) or any(gauges(engine) or [1]):
            left = [one for one in await asyncio.to_thread(lags, settings) if one.lag]
            assert time.monotonic() < deadline, (left, gauges(engine))
            ticks = engine.ticks
            await engine.until(lambda seen=ticks: engine.ticks > seen)  # type: ignore[misc]
        assert engine.seen == len(EVENTS)
    read = {one.partition: one for one in group_offsets(settings, ["session-event"])}
    assert len(read) == PARTITIONS
    assert {one.committed for one in read.values() if one.log.end} == {
        one.log.end for one in read.values() if one.log.end
    }
    never_written = [one for one in read.values() if not one.log.end]
    assert bool(never_written) is not written.endswith("elsewhere")
    assert {(one.lag, one.committed) for one in never_written} <= {(0, None), (0, 0)}
