"""A worker that leaves for good gives its partitions away at once; one that only stops keeps its place."""

from __future__ import annotations

import pytest

from tests.kafka import Broker
from tests.topics.engine import Engine, committed_records, engine_settings, running
from tests.topics.events import event, publish
from topics.embedded import PARTITIONS
from topics.membership import memberships
from topics.metrics import Meter
from topics.settings import Settings

NEVER_S = 600
"""A session timeout that no test waits for: what needs it does not happen."""
HALF = PARTITIONS // 2


@pytest.fixture
def settings(kafka: str) -> Settings:
    return engine_settings(Broker(kafka, transactional=True), session_timeout_s=NEVER_S)


@pytest.fixture
def peers(settings: Settings) -> Settings:
    return settings.model_copy(update={"worker_id": "worker-1"})


def publish_events(settings: Settings, numbers: range) -> None:
    events = [event(number, f"s-{number % 20}") for number in numbers]
    publish(settings.broker, settings.prefix + "session-event", events)


def numbers(engine: Engine) -> set[int]:
    return {partition.number for partition in engine.app.stream_consumer.partitions.in_use()}


def sampled(meter: Meter, name: str) -> float:
    return sum(one.value for family in meter.registry.collect() for one in family.samples if one.name == name)


async def test_after_a_drain_a_peer_has_everything_and_nothing_is_lost_or_twice(
    settings: Settings, peers: Settings
) -> None:
    """It takes over without waiting for the session timeout, with state and outputs as if one worker had done all."""
    async with running(settings) as first:
        publish_events(settings, range(100))
        await first.until(lambda: first.seen == 100)
        async with running(peers) as second:
            await first.until(lambda: first.partitions == HALF)
            await second.until(lambda: second.partitions == HALF)
            publish_events(settings, range(100, 300))
            await second.until(lambda: second.seen > 0)
            second.app.leaving_for_good = True
        publish_events(settings, range(300, 400))
        await first.until(lambda: numbers(first) == set(range(PARTITIONS)))
        await first.until(lambda: sum(first.states().values()) == 400)
        assert memberships(peers) == []
        assert len(memberships(settings)) == 1
    told = committed_records(settings, "site-delta", first.batches + second.batches)
    assert sum(delta["folded"] for delta in told) == first.seen + second.seen == 400


async def test_a_worker_that_stops_keeps_its_place(settings: Settings, peers: Settings) -> None:
    """The group still names it, and it has its partitions back without a rebalance of the others."""
    async with running(settings) as first:
        async with running(peers) as second:
            await first.until(lambda: first.partitions == HALF)
            await second.until(lambda: second.partitions == HALF)
            had = numbers(second)
        assert len(memberships(peers)) == 1
        rebalances = sampled(first.app.meter, "lamstream_rebalances_total")
        async with running(peers) as again:
            await again.until(lambda: again.partitions == HALF)
            assert numbers(again) == had
        assert sampled(first.app.meter, "lamstream_rebalances_total") == rebalances
        assert numbers(first) == set(range(PARTITIONS)) - had


async def test_a_partition_that_comes_back_to_its_worker_needs_no_restore(settings: Settings, peers: Settings) -> None:
    """A peer that joins and leaves takes all partitions for a moment: what it did not keep goes on in memory."""
    publish_events(settings, range(100))
    async with running(settings) as first:
        await first.until(lambda: first.seen == 100 and first.partitions == PARTITIONS)
        restores = sampled(first.app.meter, "lamstream_restore_seconds_count")
        assert restores == PARTITIONS
        async with running(peers) as second:
            await second.until(lambda: second.partitions == HALF)
            await first.until(lambda: first.partitions == HALF)
            kept = first.app.stream_consumer.partitions.in_use()
            assert sampled(first.app.meter, "lamstream_restore_seconds_count") == restores
            assert sampled(first.app.meter, "lamstream_restored_records_total") == 0
            second.app.leaving_for_good = True
        await first.until(lambda: first.partitions == PARTITIONS)
        assert sampled(first.app.meter, "lamstream_restore_seconds_count") == restores + HALF
        assert set(kept) < set(first.app.stream_consumer.partitions.in_use())
        assert sum(first.states().values()) == 100
