"""A worker that gets partitions whose offsets are strange stops, and says what to do."""

from __future__ import annotations

import asyncio

from confluent_kafka import TopicPartition
from confluent_kafka.cimpl import NewPartitions

from tests.kafka import Broker
from tests.topics.engine import LIMIT_S, engine_settings, running
from tests.topics.events import event, publish
from tests.topics.topics_and_groups import has_members, make_anew, until
from topics.clients import admin_client
from topics.consuming import committed_offsets
from topics.errors import OffsetsOutOfLog, RestoreFailed, StreamStopped, TopicChanged
from topics.group_offsets import group_offsets, observing
from topics.settings import Settings

EVENTS = [event(number, f"s-{number % 7}") for number in range(60)]


async def stops(settings: Settings, error: type[StreamStopped], *told: str) -> None:
    """Another worker that starts now stops with this error, which tells all of that."""
    async with running(settings.model_copy(update={"worker_id": "worker-1"})) as engine:
        reason = await engine.failure()
    assert isinstance(reason, error)
    for text in told:
        assert text in str(reason)


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
    offset = f"{at.topic}[{at.partition}]: the group's offset is {at.committed}"
    await stops(settings, OffsetsOutOfLog, offset, "lam offsets reset")


async def test_partitions_that_were_added_stop_it(kafka: str) -> None:
    """Keys lie elsewhere now than their state."""
    settings = engine_settings(Broker(kafka, transactional=True))
    await read_all(settings)
    topic, admin = settings.prefix + "session-event", admin_client(settings)
    for one in admin.create_partitions([NewPartitions(topic, settings.partitions + 2)]).values():
        one.result(LIMIT_S)
    await stops(settings, TopicChanged, "keys moved")


async def test_a_topic_that_was_made_anew_stops_it(kafka: str) -> None:
    """By the state that is there without offsets, which Kafka deletes with the topic; and where they are there still,
    by the id in the note that the worker committed beside them: they lie within the new log."""
    settings = engine_settings(Broker(kafka, transactional=True))
    await read_all(settings)
    topic = settings.prefix + "session-event"
    with observing(settings) as client:
        own = committed_offsets(client, [TopicPartition(topic, n) for n in range(settings.partitions)], LIMIT_S)
    make_anew(settings, topic)
    publish(kafka, topic, EVENTS)
    until(lambda: all(one.committed is None for one in group_offsets(settings, ["session-event"])))
    await stops(settings, RestoreFailed, f"no committed offset on {topic}", "lam offsets reset")
    until(lambda: not has_members(settings))
    with observing(settings) as client:
        client.commit(offsets=own, asynchronous=False)
    assert {one.lag for one in group_offsets(settings, ["session-event"])} == {0}
    of_another = f"topic {topic}: offsets were committed on the topic of id"
    await stops(settings, TopicChanged, of_another, "lam offsets reset")


async def test_a_topic_that_is_made_anew_beneath_it_stops_it(kafka: str) -> None:
    """An empty one, whose end lies below where it reads."""
    settings = engine_settings(Broker(kafka, transactional=True))
    topic = settings.prefix + "session-event"
    publish(kafka, topic, EVENTS)
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
        await asyncio.to_thread(make_anew, settings, topic)
        reason = await engine.failure()
        assert isinstance(reason, StreamStopped)
        assert topic in str(reason)
        assert engine.seen == len(EVENTS)
