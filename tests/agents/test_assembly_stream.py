"""Assembly on a running stream: the topics of its group meet in one state, on both brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agents.assembly import take
from models.assembly.state import Container
from schemas.codec import Encoder
from schemas.record_type import record_type
from tests.kafka import Broker
from tests.models.assembly.events import mutation, tombstone
from tests.topics.engine import COUNTS, Engine, engine_settings
from tests.topics.events import publish_raw
from topics.embedded import PARTITIONS
from topics.settings import Clock, Settings
from topics.transport.app import StreamApp

CONTAINERS = [f"c-{number}" for number in range(20)]


def publish(settings: Settings, topic: str, records: list[dict[str, Any]]) -> None:
    encoder = Encoder(record_type(topic))
    values = [(one["container_id"].encode(), encoder.encode(one)) for one in records]
    publish_raw(settings.broker, settings.prefix + topic, values)


@asynccontextmanager
async def joining(settings: Settings) -> AsyncIterator[Engine]:
    """An app whose agent only takes what comes; what the watermark then makes of it is another test's."""
    app = StreamApp(settings)
    known = app.record_state("container", "container-state", due="due_at")
    counts = app.column_state(COUNTS)
    engine = Engine(app, counts, counts)

    @app.agent(app.group("assembly"))
    async def joined(batches: Any) -> None:
        async for batch in batches:
            with batch.unit():
                take(known.of(batch), batch)
            engine.note(batch)

    await app.start()
    try:
        yield engine
    finally:
        await app.stop()


def joined(engine: Engine) -> set[str]:
    """Containers that have both mutation and tombstone, over all partitions of this worker."""
    both = set()
    for partition in engine.app.stream_consumer.partitions.in_use():
        state: Any = partition.states["container"]
        for key in state:
            container = Container.of(state.get(key))
            if container.mutation and container.tombstone:
                both.add(key)
    return both


async def test_topics_of_one_group_meet_in_one_state(broker: Broker) -> None:
    """A mutation and a tombstone of one key reach one record; a deletion stops nothing; a restart finds all of it."""
    settings = engine_settings(broker, clock=Clock.EVENT)
    publish(settings, "mutation", [mutation(container_id=container) for container in CONTAINERS])
    publish_raw(settings.broker, settings.prefix + "mutation", [(b"c-0", None)])
    async with joining(settings) as first:
        await first.until(lambda: first.records["assembly"] == len(CONTAINERS))
        publish(settings, "tombstone", [tombstone(container_id=container) for container in CONTAINERS[:10]])
        await first.until(lambda: first.records["assembly"] == len(CONTAINERS) + 10)
        assert joined(first) == set(CONTAINERS[:10])
    publish(settings, "tombstone", [tombstone(container_id=container) for container in CONTAINERS[10:]])
    async with joining(settings) as second:
        await second.until(lambda: second.records["assembly"] == 10 and second.partitions == PARTITIONS)
        assert joined(second) == set(CONTAINERS)
