"""Records whose writer's schema is not ours."""

from __future__ import annotations

import asyncio
import io
import json

import fastavro
from confluent_kafka import Producer

from schemas.framing import SingleObjectFraming
from schemas.record_type import record_type
from schemas.tree import schema_fingerprint
from tests.kafka import Broker
from tests.topics.engine import engine_settings, running, whole_topic
from tests.topics.events import event, publish, publish_raw
from topics.errors import SchemaMissing
from topics.settings import Settings, UnknownSchemaPolicy
from topics.transport.trial import WHOLE_TRIES


def newer_schema() -> str:
    """The schema of session events with a field more, as a newer producer would have it."""
    schema = json.loads(record_type("session-event").schema_json)
    schema["fields"].append({"name": "mood", "type": "string", "default": "", "doc": "A field of tomorrow."})
    return json.dumps(schema)


def publish_newer(settings: Settings, count: int) -> None:
    schema_json = newer_schema()
    parsed, framing = fastavro.parse_schema(json.loads(schema_json)), SingleObjectFraming()
    records = []
    for number in range(count):
        payload = io.BytesIO()
        fastavro.schemaless_writer(payload, parsed, event(number) | {"mood": "fine"})
        records.append((b"s-0", framing.frame(schema_fingerprint(schema_json), payload.getvalue())))
    publish_raw(settings.broker, settings.prefix + "session-event", records)


def publish_schema(settings: Settings) -> None:
    producer = Producer({"bootstrap.servers": settings.broker, "partitioner": "murmur2_random"})
    key = schema_fingerprint(newer_schema()).hex()
    producer.produce(settings.prefix + "lamstream-schemas", newer_schema().encode(), key)
    assert producer.flush(30) == 0


async def test_records_wait_for_their_schema(broker: Broker) -> None:
    """A schema that turns up while its records wait lets them take effect, its new field left out."""
    settings = engine_settings(broker)
    async with running(settings) as engine:
        publish_newer(settings, 5)
        await asyncio.get_running_loop().run_in_executor(None, publish_schema, settings)
        await engine.until(lambda: engine.seen == 5)
        assert engine.states() == {"s-0": 5}


async def test_a_schema_that_does_not_turn_up_stops_the_stream(broker: Broker) -> None:
    """The error names the fingerprint and what can be done."""
    settings = engine_settings(broker, unknown_schema_wait_s=0.5)
    async with running(settings) as engine:
        publish_newer(settings, 5)
        failure = await engine.failure()
    assert isinstance(failure, SchemaMissing)
    assert schema_fingerprint(newer_schema()).hex() in str(failure)


async def test_a_stop_is_no_death(kafka: str) -> None:
    """However often a worker is started again by its supervisor, no record is blamed for what stopped it in order."""
    settings = engine_settings(Broker(kafka, transactional=True), unknown_schema_wait_s=0.1)
    publish_newer(settings, 1)
    for _ in range(2 * WHOLE_TRIES):
        async with running(settings) as engine:
            assert isinstance(await engine.failure(), SchemaMissing)
    assert not any(whole_topic(settings, "session-event.dlq"))


async def test_or_its_records_are_dead_letters(broker: Broker) -> None:
    """With LAM_UNKNOWN_SCHEMA=dlq they are diverted and the stream goes on."""
    settings = engine_settings(
        broker, unknown_schema_wait_s=0.2, unknown_schema=UnknownSchemaPolicy.DLQ, breaker_run=50
    )
    async with running(settings) as engine:
        publish_newer(settings, 5)
        publish(settings.broker, settings.prefix + "session-event", [event(9)])
        await engine.until(lambda: engine.seen == 1)
