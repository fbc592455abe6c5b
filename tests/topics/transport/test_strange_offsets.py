"""A worker that gets partitions whose offsets are strange stops, and says what to do."""

from __future__ import annotations

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewPartitions

from tests.kafka import Broker
from tests.topics.engine import LIMIT_S, engine_settings, running
from tests.topics.events import event, publish
from topics.clients import admin_client
from topics.errors import OffsetsOutOfLog, TopicChanged
from topics.group_offsets import group_offsets
from topics.settings import Settings

EVENTS = [event(number, f"s-{number % 7}") for number in range(60)]


async def stopped(settings: Settings) -> BaseException:
    """Why another worker stops that starts now."""
    async with running(settings.model_copy(update={"worker_id": "worker-1"})) as engine:
        return await engine.failure()


async def read_all(settings: Settings) -> None:
    publish(settings.broker, settings.prefix + "session-event", EVENTS)
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))


async def test_records_that_were_deleted_unread_stop_it(kafka: str) -> None:
    """Nothing is skipped silently."""
    settings = engine_settings(Broker(kafka, transactional=True))
    await read_all(settings)
    publish(kafka, settings.prefix + "session-event", EVENTS)
    at = next(one for one in group_offsets(settings, ["session-event"]) if one.lag)
    admin = admin_client(settings)
    for one in admin.delete_records([TopicPartition(at.topic, at.partition, at.log.end)]).values():
        one.result(LIMIT_S)
    reason = await stopped(settings)
    assert isinstance(reason, OffsetsOutOfLog)
    assert f"{at.topic}[{at.partition}]: the group's offset is {at.committed}" in str(reason)
    assert "lam offsets reset" in str(reason)


async def test_partitions_that_were_added_stop_it(kafka: str) -> None:
    """Keys lie elsewhere now than their state."""
    settings = engine_settings(Broker(kafka, transactional=True))
    await read_all(settings)
    topic, admin = settings.prefix + "session-event", admin_client(settings)
    for one in admin.create_partitions([NewPartitions(topic, settings.partitions + 2)]).values():
        one.result(LIMIT_S)
    reason = await stopped(settings)
    assert isinstance(reason, TopicChanged)
    assert "keys moved" in str(reason)
