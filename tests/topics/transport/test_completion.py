"""The contract of a batch: it takes effect when its agent's body has returned, and in no other case."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.kafka import Broker
from tests.topics.engine import (
    COUNTS,
    Engine,
    committed_records,
    count,
    engine_settings,
    group_offsets,
    running,
)
from tests.topics.events import event, publish
from topics.embedded import PARTITIONS
from topics.errors import NotCompleted
from topics.settings import Settings
from topics.transport.app import StreamApp
from topics.transport.batch import RecordBatch, Unit

EVENTS = [event(number, f"s-{number % 7}") for number in range(100)]


def publish_events(settings: Settings) -> None:
    publish(settings.broker, settings.prefix + "session-event", EVENTS)


def committed_events(settings: Settings) -> int:
    return sum(group_offsets(settings, settings.group_id, "session-event").values())


async def test_completed_batches_move_state_outputs_and_offsets(broker: Broker) -> None:
    """Every event is counted once in state and outputs, and the group's offsets stand behind the last of them."""
    settings = engine_settings(broker)
    publish_events(settings)
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
        assert sum(engine.states().values()) == len(EVENTS)
        assert len(engine.states()) == 7
    sent = committed_records(settings, "site-delta", engine.batches)
    assert sum(record["folded"] for record in sent) == len(EVENTS)
    assert committed_events(settings) == len(EVENTS)


async def test_a_restarted_worker_goes_on_from_state_and_offsets(broker: Broker) -> None:
    """A worker that comes back restores its state from the changelog and reads on where it had committed."""
    settings = engine_settings(broker)
    publish_events(settings)
    async with running(settings) as first:
        await first.until(lambda: first.seen == len(EVENTS))
    publish(settings.broker, settings.prefix + "session-event", [event(1000, "s-0")])
    async with running(settings) as second:
        await second.until(lambda: second.seen == 1 and second.partitions == PARTITIONS)
        assert sum(second.states().values()) == len(EVENTS) + 1


async def cancel(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    await count(engine, batch, unit)
    if len(batch):
        raise asyncio.CancelledError


async def block(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    await count(engine, batch, unit)
    if len(batch):
        await asyncio.Event().wait()


async def test_an_agent_that_is_cancelled_completes_nothing(broker: Broker) -> None:
    """The stream stops and names the cause; no offset is committed, though Faust acked the event."""
    settings = engine_settings(broker)
    publish_events(settings)
    async with running(settings, cancel) as engine:
        failure = await engine.failure()
    assert isinstance(failure, NotCompleted)
    assert "CancelledError" in str(failure)
    assert committed_events(settings) == 0


async def test_an_agent_that_blocks_fails_its_cycle(broker: Broker) -> None:
    """A batch that is not completed in time stops the stream; no offset is committed."""
    settings = engine_settings(broker, batch_timeout_s=1)
    publish_events(settings)
    async with running(settings, block) as engine:
        failure = await engine.failure()
    assert isinstance(failure, NotCompleted)
    assert "LAM_BATCH_TIMEOUT_S" in str(failure)
    assert committed_events(settings) == 0


async def test_an_agent_that_never_enters_a_unit_completes_nothing(broker: Broker) -> None:
    """An ack alone, from an agent that passes a batch over, is a failure."""
    settings = engine_settings(broker)
    publish_events(settings)
    app = StreamApp(settings)

    @app.agent(app.group("live"))
    async def passing_over(batches: Any) -> None:
        async for _ in batches:
            pass

    app.column_state(COUNTS)
    await app.start()
    try:
        await asyncio.wait_for(app.stream_consumer.ended(), 60)
        assert isinstance(app.stream_consumer.crash_reason, NotCompleted)
        assert "no `with batch.unit()` ended well" in str(app.stream_consumer.crash_reason)
    finally:
        await app.stop()
    assert committed_events(settings) == 0


async def test_a_batch_of_a_stale_generation_completes_nothing(broker: Broker) -> None:
    """An event that Faust's stream skips because a rebalance came between is not taken for done."""
    settings = engine_settings(broker, batch_timeout_s=2)
    async with running(settings) as engine:
        deliver = engine.app.stream_consumer.callback

        async def deliver_late(message: Any) -> None:
            message.generation_id -= 1
            await deliver(message)

        engine.app.stream_consumer.callback = deliver_late
        publish_events(settings)
        assert isinstance(await engine.failure(), NotCompleted)
    assert committed_events(settings) == 0


async def test_closed_flow_control_completes_nothing(broker: Broker) -> None:
    """An event that arrives in a stream whose flow control was closed is not taken for done."""
    settings = engine_settings(broker, batch_timeout_s=2)
    async with running(settings) as engine:
        deliver = engine.app.stream_consumer.callback

        async def deliver_into_closed_flow(message: Any) -> None:
            await deliver(message)
            engine.app.flow_control.suspend()

        engine.app.stream_consumer.callback = deliver_into_closed_flow
        publish_events(settings)
        assert isinstance(await engine.failure(), NotCompleted)
    assert committed_events(settings) == 0


async def test_counts_take_effect_with_the_commit(broker: Broker) -> None:
    """What units counted reaches the sink once their span is committed, in sum what was folded."""
    settings = engine_settings(broker)
    publish_events(settings)
    told: list[tuple[str, dict[str, str], float]] = []

    async def count_and_tell(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        unit.count("events_total", len(batch), topic=batch.topic)

    def declare(app: StreamApp) -> None:
        app.metrics = lambda *one: told.append(one)

    async with running(settings, count_and_tell, declare) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
    assert {(name, *labels.items()) for name, labels, _ in told} == {("events_total", ("topic", "session-event"))}
    assert sum(amount for _, _, amount in told) == len(EVENTS)


async def test_counts_of_a_span_that_fails_are_never_told(broker: Broker) -> None:
    """Nor those of its units that ended well."""
    settings = engine_settings(broker, commit_s=50, commit_urgent_s=50, batch_timeout_s=5)
    publish_events(settings)
    async with running(settings) as first:
        # Behind a stop in order nothing is under suspicion, and committed by itself.
        await first.until(lambda: first.seen == len(EVENTS))
    publish_events(settings)
    told: list[float] = []

    async def count_then_refuse(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        unit.count("events_total", len(batch))
        if engine.seen:
            await asyncio.Event().wait()

    def declare(app: StreamApp) -> None:
        app.metrics = lambda name, labels, amount: told.append(amount)

    async with running(settings, count_then_refuse, declare) as engine:
        failure = await engine.failure()
        assert engine.seen > 0
    assert isinstance(failure, NotCompleted)
    assert told == []
