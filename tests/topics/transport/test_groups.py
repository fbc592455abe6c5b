"""Several agents in one worker, each with a group of topics of its own, all in one consumer group."""

from __future__ import annotations

import numpy as np
import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from tests.kafka import Broker
from tests.topics.engine import LIMIT_S, Engine, count, engine_settings, group_offsets, running
from tests.topics.events import event, publish
from tests.topics.tables import extend
from tests.topics.transport.test_outbox import intervention
from topics.embedded import PARTITIONS
from topics.errors import ConfigurationError
from topics.settings import Settings
from topics.table import Group
from topics.transport.batch import RecordBatch, Unit
from topics.watermark import BEFORE_ALL

SUMS_GROUP = Group("sums", ("site-delta",), ("sums",))
WATCH_GROUP = Group("watch", ("intervention",), ())
EVENTS = [event(number, f"s-{number % 7}") for number in range(100)]


async def count_and_intervene(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Count, and ask something of each event's page."""
    await count(engine, batch, unit)
    for session in batch.columns.column("session_id").to_pylist():
        unit.send("intervention", intervention(session_id=session))


async def add_up(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Add what the deltas of each site say was folded."""
    if len(batch):
        state = engine.sums.of(batch)
        numbers = state.row_numbers(batch.columns.column("site_id"))
        np.add.at(state.rows["events"], numbers, batch.columns.column("folded").to_numpy())
        state.rows["due_ms"][numbers] = 2**62
    engine.watermarks[batch.partition.number] = batch.watermark


async def watch(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Look only."""


def publish_events(settings: Settings, events: list[dict[str, object]]) -> None:
    publish(settings.broker, settings.prefix + "session-event", events)


@pytest.fixture
def three_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    extend(monkeypatch, SUMS_GROUP, WATCH_GROUP)


@pytest.mark.usefixtures("three_groups")
async def test_each_group_has_its_records_its_state_and_its_time(broker: Broker) -> None:
    """What one agent sends another reads in the same worker, and a restart finds the states and offsets of all."""
    settings = engine_settings(broker)
    publish_events(settings, EVENTS)
    async with running(settings, count_and_intervene, sums=add_up, watch=watch) as engine:
        await engine.until(lambda: engine.records["watch"] == 100 and engine.states("sums") == {"shop": 100})
        assert sum(engine.states().values()) == 100
        assert set(engine.watermarks.values()) == {BEFORE_ALL}
    for topic, expected in {"session-event": 100, "site-delta": engine.batches, "intervention": 100}.items():
        behind = sum(group_offsets(settings, settings.group_id, topic).values())
        # Transaction markers take an offset each.
        assert behind >= expected if broker.transactional else behind == expected
    publish_events(settings, [event(1000)])
    async with running(settings, count_and_intervene, sums=add_up, watch=watch) as again:
        await again.until(lambda: again.seen == 1 and again.records["watch"] == 1 and again.records["sums"] == 1)
        await again.until(lambda: again.partitions == 3 * PARTITIONS)
        assert sum(again.states().values()) == 101
        assert again.states("sums") == {"shop": 101}


@pytest.mark.usefixtures("three_groups")
async def test_topics_that_no_agent_reads_are_not_subscribed_to(broker: Broker) -> None:
    """The table has more groups than this worker has agents: it takes none of their partitions."""
    settings = engine_settings(broker)
    publish_events(settings, EVENTS)
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == 100)
        assert {tp.topic for tp in engine.app.stream_consumer.assignment()} == {settings.prefix + "session-event"}
    assert group_offsets(settings, settings.group_id, "site-delta") == {}


@pytest.mark.usefixtures("three_groups")
async def test_workers_share_partition_numbers_and_hand_state_over(kafka: str) -> None:
    """Two workers have the same numbers of every topic; when one leaves, the other goes on with all state."""
    settings = engine_settings(Broker(kafka, transactional=True))
    other = settings.model_copy(update={"worker_id": "worker-1"})
    publish_events(settings, EVENTS)
    async with running(settings, count_and_intervene, sums=add_up, watch=watch) as first:
        await first.until(lambda: first.states("sums") == {"shop": 100})
        async with running(other, count_and_intervene, sums=add_up, watch=watch) as second:
            await second.until(lambda: second.partitions == 3 * PARTITIONS // 2)
            await first.until(lambda: first.partitions == 3 * PARTITIONS // 2)
            for engine in (first, second):
                numbers: dict[str, set[int]] = {}
                for partition in engine.app.stream_consumer.partitions.in_use():
                    numbers.setdefault(partition.group.name, set()).add(partition.number)
                assert numbers["live"] == numbers["sums"] == numbers["watch"]
            publish_events(settings, [event(200 + number, f"s-{number % 7}") for number in range(50)])
            await first.until(lambda: first.seen + second.seen == 150)
        await first.until(lambda: first.partitions == 3 * PARTITIONS)
        await first.until(lambda: first.states("sums") == {"shop": 150})
        assert sum(first.states().values()) == 150


@pytest.mark.usefixtures("three_groups")
async def test_a_worker_that_comes_back_with_another_agent_reads_its_topic(kafka: str) -> None:
    """It is a new member of the group; what its old name had comes to it once that one's session is over."""
    settings = engine_settings(Broker(kafka, transactional=True), session_timeout_s=3)
    publish_events(settings, EVENTS)
    async with running(settings, count_and_intervene) as before:
        await before.until(lambda: before.seen == 100)
    async with running(settings, count_and_intervene, watch=watch) as after:
        await after.until(lambda: after.records["watch"] == 100)
        await after.until(lambda: after.partitions == 2 * PARTITIONS)
        assert sum(after.states().values()) == 100


async def test_topics_of_one_group_with_unequal_partitions_are_refused(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key's records would not meet: the worker does not start, and says which topics have how many."""
    extend(monkeypatch, Group("pair", ("site-delta", "intervention"), ()))
    settings = engine_settings(Broker(kafka, transactional=True))
    name = settings.prefix + "intervention"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_partitions([NewPartitions(name, 6)])[name].result(LIMIT_S)
    # The controller has taken it; the broker that a worker asks may not have heard yet.
    while len(admin.list_topics(name, timeout=LIMIT_S).topics[name].partitions) < 6:
        pass
    async with running(settings, pair=watch) as engine:
        failure = await engine.failure()
    assert isinstance(failure, ConfigurationError)
    assert "group pair: site-delta has 4, intervention has 6" in str(failure)
