"""What is slow holds the worker up, and costs neither its partitions nor a record."""

from __future__ import annotations

import asyncio
import os
import random
import time
from multiprocessing import get_context

import pytest
from confluent_kafka import ConsumerGroupState

from bench.soak import MIB, resident_mib
from tests.kafka import Broker
from tests.system.reading import records
from tests.topics.engine import LIMIT_S, Engine, count, declared, delta, engine_settings, running
from tests.topics.events import event, publish
from topics import clients
from topics.clients import admin_client
from topics.settings import Settings
from topics.transport.batch import RecordBatch, Unit

EVENTS = [event(number, f"s-{number % 7}") for number in range(400)]
SESSION_TIMEOUT_S = 1.5
WAITING, PUBLISHED = 150_000, 10_000
LONG, TEXT_BYTES = 8, 125
"""Attributes of an event, in hexadecimal digits, so that it is packed to half its size."""
LEAST_MIB, MOST_MIB = 48, 160
"""64 MiB are read ahead, and one answer of a broker may come on top, each record with what librdkafka keeps of it."""


@pytest.fixture
def settings(kafka: str) -> Settings:
    made = engine_settings(Broker(kafka, transactional=True), session_timeout_s=SESSION_TIMEOUT_S, poll_records=100)
    publish(kafka, made.prefix + "session-event", EVENTS)
    return made


def folded(settings: Settings) -> int:
    return sum(int(one["folded"]) for one in records(settings, "site-delta"))


async def test_a_stalled_agent_keeps_its_partitions(settings: Settings) -> None:
    """One that blocks the whole process for longer than the session timeout, as a scorer might, is not fenced."""
    stalls = iter([2 * SESSION_TIMEOUT_S])

    async def stall_once(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        if len(batch):
            time.sleep(next(stalls, 0))

    async with running(settings, stall_once) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
        meter = engine.app.meter.registry
    assert meter.get_sample_value("lamstream_rebalances_total", {"event": "assigned"}) == 1
    assert meter.get_sample_value("lamstream_rebalances_total", {"event": "lost"}) is None
    assert folded(settings) == len(EVENTS)


async def test_who_joins_beside_a_stalled_agent_waits_for_its_batch(settings: Settings) -> None:
    """And for nothing more: both then have partitions, nobody was fenced, and every event took effect once."""
    stalled, go_on = asyncio.Event(), asyncio.Event()

    async def stall_until_told(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        if len(batch) and not stalled.is_set():
            stalled.set()
            await go_on.wait()

    async with running(settings, stall_until_told) as first:
        await asyncio.wait_for(stalled.wait(), LIMIT_S)
        joining = declared(settings.model_copy(update={"worker_id": "worker-1"}))
        starting = asyncio.ensure_future(joining.app.start())
        try:
            await asyncio.wait_for(rebalancing(settings), LIMIT_S)
            assert not joining.partitions
            go_on.set()
            await asyncio.wait_for(starting, LIMIT_S)
            await joining.until(lambda: joining.partitions > 0)
            await first.until(lambda: first.seen + joining.seen == len(EVENTS))
            assert first.partitions > 0
        finally:
            await joining.app.stop()
        lost = first.app.meter.registry.get_sample_value("lamstream_rebalances_total", {"event": "lost"})
    assert lost is None
    assert folded(settings) == len(EVENTS)


async def rebalancing(settings: Settings) -> None:
    """Return once the group waits for a member to let go."""
    admin, state = admin_client(settings), None
    while state is not ConsumerGroupState.PREPARING_REBALANCING:
        group = admin.describe_consumer_groups([settings.group_id])[settings.group_id]
        state = (await asyncio.to_thread(group.result)).state


async def test_what_waits_for_a_stalled_agent_stays_with_the_broker(kafka: str) -> None:
    """Far more than is read ahead waits; the worker's memory grows by what it reads ahead, and no further."""
    settings = engine_settings(
        Broker(kafka, transactional=True), poll_records=100, batch_timeout_s=60, poll_limit_s=200
    )
    topic = settings.prefix + "session-event"
    # By another process: what this one let go of would be taken again for what is read ahead.
    flooding = get_context("spawn").Process(target=flood, args=(kafka, topic))
    flooding.start()
    await asyncio.to_thread(flooding.join)
    assert flooding.exitcode == 0
    began, held = resident_mib(os.getpid()), list[int]()

    async def stall_until_nothing_grows(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        if len(batch) and not held:
            held.append(await steady_mib(began + LEAST_MIB))

    async with running(settings, stall_until_nothing_grows) as engine:
        await engine.until(lambda: engine.seen > 0)
    print(f"{held[0] - began} MiB more")
    assert LEAST_MIB <= held[0] - began < MOST_MIB < WAITING * 2 * LONG * TEXT_BYTES / MIB / 1.5


def flood(bootstrap: str, topic: str) -> None:
    """Publish WAITING long events that hardly pack."""
    dice = random.Random(1)
    for begin in range(0, WAITING, PUBLISHED):
        long = [{str(place): dice.randbytes(TEXT_BYTES).hex() for place in range(LONG)} for _ in range(PUBLISHED)]
        some = [event(begin + at, f"s-{at % 7}", attributes=attributes) for at, attributes in enumerate(long)]
        publish(bootstrap, topic, some)


async def steady_mib(least: int) -> int:
    """What this process holds once it holds the `least`, and has not grown for a second."""
    newest, steady = resident_mib(os.getpid()), 0
    while newest < least or steady < 10:
        await asyncio.sleep(0.1)
        now = resident_mib(os.getpid())
        steady, newest = (steady + 1, newest) if now <= newest else (0, now)
    return newest


async def test_a_full_producer_queue_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A span of more records than the producer takes leaves whole, a part after another."""
    monkeypatch.setattr(clients, "PRODUCER_QUEUE_RECORDS", 10)

    async def send_many(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        for _ in range(len(batch)):
            unit.send("site-delta", delta(batch, 1))

    async with running(settings, send_many) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
    assert folded(settings) == len(EVENTS)
