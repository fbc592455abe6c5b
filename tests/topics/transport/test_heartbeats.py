"""A chain of two groups: the second closes something by time when every partition of its source has passed it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.kafka import Broker
from tests.topics.engine import Engine, committed_records, count, engine_settings, running
from tests.topics.events import CLIENT, ENCODER, NOON, event
from tests.topics.tables import extend
from tests.topics.transport.test_groups import add_up
from tests.topics.transport.test_outbox import intervention
from topics.embedded import PARTITIONS
from topics.errors import ConfigurationError
from topics.settings import Clock, Settings
from topics.source_clock import Heartbeat
from topics.table import Group
from topics.transport.assignment import Partition
from topics.transport.batch import RecordBatch, Unit
from topics.transport.committer import produce
from topics.transport.heartbeats import Heartbeats
from topics.transport.outbox import Outgoing
from topics.watermark import BEFORE_ALL

SUMS = Group("sums", ("site-delta",), ("sums",), sources=("session-event",), heartbeats="site-delta")
DUE = NOON + 30_000
PASSED = NOON + 60_000


@pytest.fixture
def chain(monkeypatch: pytest.MonkeyPatch) -> None:
    extend(monkeypatch, SUMS)


@pytest.fixture
def settings(broker: Broker, chain: None) -> Settings:
    return engine_settings(broker, clock=Clock.EVENT)


async def close_by_time(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Add deltas up; what is due leaves as an intervention that tells the sum, and is forgotten."""
    before = engine.watermarks.get(batch.partition.number, BEFORE_ALL)
    assert batch.watermark >= before
    assert all(before <= mark <= batch.watermark for mark in batch.watermarks.tolist())
    await add_up(engine, batch, unit)
    state = engine.sums.of(batch)
    if len(batch):
        state.rows["due_ms"][state.row_numbers(batch.columns.column("site_id"))] = DUE
    due = state.due(batch.watermark)
    for number in due.tolist():
        unit.send("intervention", intervention(composite=float(state.rows["events"][number])))
    state.release(due)


def publish_to(settings: Settings, partitions: Iterable[int], at: int, count: int = 10) -> None:
    """Events up to `at`, on each of these partitions of session-event."""
    producer = Producer({"bootstrap.servers": settings.broker, **CLIENT})
    for partition in partitions:
        for number in range(at - NOON - count + 1, at - NOON + 1):
            one = event(number, f"p-{partition}")
            producer.produce(settings.prefix + "session-event", ENCODER.encode(one), f"p-{partition}", partition)
    assert producer.flush(30) == 0


def tell(settings: Settings, *heartbeats: Heartbeat) -> None:
    """Heartbeats to every partition of site-delta, as another worker would send them."""
    producer = Producer({"bootstrap.servers": settings.broker, **CLIENT})
    for heartbeat in heartbeats:
        for number in range(PARTITIONS):
            producer.produce(settings.prefix + "site-delta", None, None, number, headers=heartbeat.headers)
    assert producer.flush(30) == 0


def sums_partitions(engine: Engine) -> list[Partition]:
    return [one for one in engine.app.stream_consumer.partitions.in_use() if one.group.name == "sums"]


def heard(engine: Engine, *partitions: int) -> bool:
    """Whether every partition of the second group heard exactly these of the source."""
    clocks = [partition.sources for partition in sums_partitions(engine)]
    return len(clocks) == PARTITIONS and all(
        clock is not None
        and {name for name, at in clock.sources.items() if at > BEFORE_ALL}
        == {f"session-event/{number}" for number in partitions}
        for clock in clocks
    )


def closed(settings: Settings) -> list[float]:
    return [record["composite"] for record in committed_records(settings, "intervention", 1)]


async def test_it_closes_only_when_every_partition_of_the_source_passed(settings: Settings) -> None:
    """Three of four are not enough; with the fourth it closes, and holds all that any of them gave rise to."""
    async with running(settings, count, sums=close_by_time) as engine:
        publish_to(settings, range(3), PASSED)
        await engine.until(lambda: heard(engine, 0, 1, 2) and engine.states("sums") == {"shop": 30})
        publish_to(settings, range(3), PASSED + 60_000)
        await engine.until(lambda: engine.states("sums") == {"shop": 60})
        assert set(engine.watermarks.values()) == {BEFORE_ALL}
        publish_to(settings, [3], PASSED)
        await engine.until(lambda: engine.states("sums") == {})
        await engine.until(lambda: set(engine.watermarks.values()) == {PASSED})
    assert closed(settings) == [70.0]


async def test_what_was_heard_survives_a_restart_and_does_not_go_back(settings: Settings) -> None:
    """The watermarks of three sources come back from the changelog; an older one that is told again is nothing new."""
    publish_to(settings, range(3), PASSED)
    async with running(settings, count, sums=close_by_time) as first:
        await first.until(lambda: heard(first, 0, 1, 2) and first.states("sums") == {"shop": 30})
    async with running(settings, None, sums=close_by_time) as second:
        await second.until(lambda: heard(second, 0, 1, 2))
        tell(settings, Heartbeat("session-event/0", NOON), Heartbeat("session-event/3", PASSED + 1))
        await second.until(lambda: heard(second, 0, 1, 2, 3) and second.states("sums") == {})
        assert set(second.watermarks.values()) == {PASSED}
        tell(settings, *[Heartbeat(f"session-event/{number}", NOON) for number in range(PARTITIONS)])
        tell(settings, *[Heartbeat(f"session-event/{number}", PASSED + 2) for number in range(PARTITIONS)])
        await second.until(lambda: set(second.watermarks.values()) == {PASSED + 2})
    assert closed(settings) == [30.0]


def partition_at(watermark: int) -> Partition:
    group = Group("live", ("session-event", "mutation"), ())
    return Partition(group, 3, group.topics, {}, {}, watermark=watermark)


def test_heartbeats_go_out_once_an_interval_to_every_partition_of_every_listener() -> None:
    """The first with the first watermark, the next when another multiple of the interval is reached."""
    beats = Heartbeats(10_000, [SUMS], {"site-delta": 2})
    partition = partition_at(BEFORE_ALL)
    assert list(beats.due(partition)) == []
    partition.watermark = NOON + 1
    sent = list(beats.due(partition))
    assert [(topic, one.key, one.value, one.partition) for topic, one in sent] == [
        ("site-delta", None, None, 0),
        ("site-delta", None, None, 1),
    ]
    assert dict(sent[0][1].headers or ()) == {
        "lamstream.source": b"session-event/3",
        "lamstream.watermark": b"%d" % (NOON + 1),
    }
    partition.watermark = NOON + 9_999
    assert list(beats.due(partition)) == []
    partition.watermark = NOON + 10_000
    assert len(list(beats.due(partition))) == 2


def test_a_group_with_sources_follows_no_clock_of_its_own() -> None:
    """Neither its records nor an idle broker move it."""
    assert not Partition(SUMS, 0, SUMS.topics, {}, {}).has_clock
    assert Partition(Group("live", ("session-event",), ()), 0, ("session-event",), {}, {}).has_clock


@pytest.mark.parametrize("carrier", ["", "session-event", "intervention"])
def test_a_topic_that_cannot_carry_heartbeats_is_refused(carrier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one of the group's own, and none that producers write."""
    group = Group("sums", ("site-delta", "session-event"), ("sums",), sources=("session-event",), heartbeats=carrier)
    with pytest.raises(ConfigurationError, match="to carry their heartbeats"):
        extend(monkeypatch, group)


class Recorder:
    """A producer that keeps the order in which it was given records."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def produce(self, topic: str, value: bytes | None, key: Any, **_: Any) -> None:
        self.values.append(value)

    def produce_batch(self, topic: str, messages: list[dict[str, Any]], **_: Any) -> None:
        self.values += [message["value"] for message in messages]

    def poll(self, timeout: float) -> None: ...


def test_records_of_a_topic_are_produced_in_their_order() -> None:
    """A heartbeat stands behind what was sent before it, though it has headers and a partition."""
    heartbeat = Outgoing(None, None, Heartbeat("session-event/0", NOON).headers, 0)
    sent = [Outgoing("a", b"1"), Outgoing("b", b"2"), heartbeat, Outgoing("c", b"3"), heartbeat]
    recorder: Any = Recorder()
    produce(recorder, {"site-delta": sent})
    assert recorder.values == [b"1", b"2", None, b"3", None]
