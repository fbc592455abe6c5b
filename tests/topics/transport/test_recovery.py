"""A worker goes on after what fails: each event takes effect once, or stands among the dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource

from tests.kafka import Broker
from tests.system.reading import read_topic, records
from tests.topics.engine import LIMIT_S, Engine, count, engine_settings, running
from tests.topics.events import NOON, event, publish
from topics import faults
from topics.clients import admin_client
from topics.consuming import header
from topics.embedded import PARTITIONS
from topics.errors import Stuck, TooMuchPoison
from topics.faults import Faults, Point, parse
from topics.settings import Settings
from topics.transport.batch import RecordBatch, Unit
from topics.transport.intake import Intake, Part, Slice
from topics.transport.member import Member
from topics.transport.polling import Polled
from topics.transport.suspects import Admitted, Suspects

SESSIONS = 7
EVENTS = [event(number, f"s-{number % SESSIONS}") for number in range(400)]
DUE = NOON + 200
POISON = ("e-60", "e-61", "e-333")


def publish_events(settings: Settings) -> None:
    publish(settings.broker, settings.prefix + "session-event", EVENTS)


async def fail_on_poison(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Count, send, and then fail: what was done before must not stay."""
    await count(engine, batch, unit)
    if set(batch.columns.column("event_id").to_pylist()).intersection(POISON):
        raise ValueError("the agent's own trouble")


async def fail_on_all(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    await count(engine, batch, unit)
    if len(batch):
        raise ValueError("the agent's own trouble")


def folded(settings: Settings) -> int:
    """Events that a committed reader sees counted."""
    return sum(int(one["folded"]) for one in records(settings, "site-delta"))


def dead(settings: Settings) -> list[Any]:
    return [one for of_one in read_topic(settings, "session-event.dlq").values() for one in of_one]


async def test_poison_goes_to_the_dead_letters_alone(broker: Broker) -> None:
    """Each record on which the agent fails is a dead letter that says so; its neighbours take effect once."""
    settings = engine_settings(broker, poll_records=100)
    publish_events(settings)
    good = len(EVENTS) - len(POISON)
    async with running(settings, fail_on_poison) as engine:
        await engine.until(lambda: sum(engine.states().values()) == good)
    assert folded(settings) == good
    letters = dead(settings)
    assert sorted((header(one, "lamstream.error.reason") or b"").decode() for one in letters) == ["agent_failed"] * 3
    assert all(b"the agent's own trouble" in (header(one, "lamstream.error.message") or b"") for one in letters)


async def test_a_failure_that_does_not_come_back_costs_nothing(broker: Broker) -> None:
    """The span is taken back and tried again, and no record is blamed."""
    settings = engine_settings(broker)
    publish_events(settings)
    failures = iter([True, False, True])

    async def fail_sometimes(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        if len(batch) and next(failures, False):
            raise ValueError("the agent's own trouble")

    async with running(settings, fail_sometimes) as engine:
        await engine.until(lambda: sum(engine.states().values()) == len(EVENTS))
    assert folded(settings) == len(EVENTS)
    assert dead(settings) == []


async def test_an_agent_that_fails_on_everything_stops_the_worker(broker: Broker) -> None:
    """A topic is not emptied into its dead letters because of a bug."""
    settings = engine_settings(broker, poison_run=3, poll_records=50)
    publish_events(settings)
    async with running(settings, fail_on_all) as engine:
        failure = await engine.failure()
    assert isinstance(failure, TooMuchPoison)
    assert "LAM_POISON_RUN" in str(failure)
    assert folded(settings) == 0


@pytest.fixture
def plan() -> Iterator[Any]:
    """Sets the faults of this process, and clears them after."""
    before = faults._faults

    def arm(text: str) -> None:
        faults._faults = Faults(parse(text))

    yield arm
    faults._faults = before


@pytest.mark.parametrize("point", [Point.PRODUCE, Point.OFFSETS, Point.COMMIT, Point.COMMITTED])
async def test_a_commit_that_fails_is_found_out(kafka: str, plan: Any, point: Point) -> None:
    """Wherever in its transaction a commit fails, also when it had happened: the worker goes on, exactly."""
    settings = engine_settings(Broker(kafka, transactional=True), poll_records=30, commit_s=0.01)
    plan(f"{point.value}:fail:2,{point.value}:fail:3,{point.value}:fail:7")
    publish_events(settings)
    async with running(settings) as engine:
        await engine.until(lambda: sum(engine.states().values()) == len(EVENTS))
        meter = engine.app.meter.registry
    assert (meter.get_sample_value("lamstream_resets_total", {"cause": "commit"}) or 0) >= 3
    assert folded(settings) == len(EVENTS)


async def test_a_commit_that_fails_in_a_revoke_loses_nothing(kafka: str, plan: Any) -> None:
    """What the group takes while a commit fails begins anew at whoever has it next."""
    settings = engine_settings(Broker(kafka, transactional=True), commit_s=50, commit_urgent_s=50)
    publish_events(settings)
    async with running(settings) as first:
        await first.until(lambda: first.seen == len(EVENTS))
        plan("offsets:fail:1")
        async with running(settings.model_copy(update={"worker_id": "worker-1", "commit_s": 0.1})) as second:
            await second.until(lambda: second.partitions > 0)
            await first.until(lambda: 0 < first.partitions < PARTITIONS)
    async with running(settings.model_copy(update={"worker_id": "worker-2", "commit_s": 0.1})) as third:
        await third.until(lambda: sum(third.states().values()) == len(EVENTS))
    assert folded(settings) == len(EVENTS)


class Panic(BaseException):
    """As a library in another language raises it."""


async def test_a_record_that_a_decoder_panics_on_is_a_dead_letter(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder that fails otherwise than by finding a record bad is treated as an agent that fails."""
    settings = engine_settings(Broker(embedded, transactional=False), poll_records=100)
    take = Intake.take

    def panicking(self: Intake, parts: Sequence[Part]) -> list[Slice]:
        if any(POISON[0].encode() in (record.value() or b"") for part in parts for record in part.records):
            raise Panic("at the disco")
        return take(self, parts)

    monkeypatch.setattr(Intake, "take", panicking)
    publish_events(settings)
    async with running(settings) as engine:
        await engine.until(lambda: sum(engine.states().values()) == len(EVENTS) - 1 and bool(dead(settings)))
    assert [b"at the disco" in (header(one, "lamstream.error.message") or b"") for one in dead(settings)] == [True]


async def test_time_that_never_passes_on_one_partition_stops_the_worker(embedded: str) -> None:
    """However well it passes on the others meanwhile."""
    settings = engine_settings(Broker(embedded, transactional=False))

    async def fail_on_the_last(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        if batch.partition.number == PARTITIONS - 1:
            raise ValueError("the agent's own trouble")

    async with running(settings, fail_on_the_last) as engine:
        failure = await engine.failure()
    assert isinstance(failure, Stuck)
    assert f"partition {PARTITIONS - 1}" in str(failure)


async def test_time_that_cannot_pass_blames_no_record(broker: Broker) -> None:
    """An agent that fails when a timer is due fails on every record that takes time there: it stops the worker, and no
    record is put aside for it, however often the worker is started again."""
    settings = engine_settings(broker, poll_records=50)

    async def fail_when_due(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        if batch.watermark >= DUE:
            raise ValueError("the timer's own trouble")

    publish_events(settings)
    for _ in range(2):
        async with running(settings, fail_when_due) as engine:
            failure = await engine.failure()
        assert isinstance(failure, Stuck)
        assert "the timer's own trouble" in str(failure)
    assert dead(settings) == []


async def test_time_does_not_pass_beside_what_is_under_suspicion(
    embedded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a record would answer for a timer of any partition that ends the process."""
    settings = engine_settings(Broker(embedded, transactional=False), poll_records=100, tick_s=0.001)
    happened: list[str] = []
    admit, poll = Suspects.admit, Member.poll

    def begin_turn(self: Member, timeout_s: float) -> Polled:
        happened.append("turn")
        return poll(self, timeout_s)

    def noting(self: Suspects, polled: Polled) -> Admitted:
        admitted = admit(self, polled)
        happened.append("suspect" if admitted.commit_next else "other")
        return admitted

    async def fail_and_note(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        happened.append("records" if len(batch) else "time")
        await fail_on_poison(engine, batch, unit)

    monkeypatch.setattr(Suspects, "admit", noting)
    monkeypatch.setattr(Member, "poll", begin_turn)
    publish_events(settings)
    async with running(settings, fail_and_note) as engine:
        await engine.until(lambda: sum(engine.states().values()) == len(EVENTS) - len(POISON))
    turns = [turn.split("suspect") for turn in " ".join(happened).split("turn") if "suspect" in turn]
    assert len(turns) > len(POISON)
    assert [turn for turn in turns if "time" in turn[1]] == []


async def test_records_that_come_again_take_effect_once(embedded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that a poll took before it heard that its partition went and came back."""
    settings = engine_settings(Broker(embedded, transactional=False), poll_records=100)
    poll, before = Member.poll, list[Polled]()

    def again(self: Member, timeout_s: float) -> Polled:
        if before:
            return before.pop()
        polled = poll(self, timeout_s)
        before.extend([polled] if polled.records else [])
        return polled

    monkeypatch.setattr(Member, "poll", again)
    publish_events(settings)
    async with running(settings) as engine:
        await engine.until(lambda: sum(engine.states().values()) >= len(EVENTS) and not before)
        ticks = engine.ticks
        await engine.until(lambda: engine.ticks > ticks + PARTITIONS)
        assert sum(engine.states().values()) == len(EVENTS)
    assert folded(settings) == len(EVENTS)


async def test_commits_that_are_refused_for_good_stop_the_worker(kafka: str) -> None:
    """A topic that takes no record of ours is not tried for ever."""
    settings = engine_settings(Broker(kafka, transactional=True))
    topic = ConfigResource(ConfigResource.Type.TOPIC, settings.prefix + "site-delta")
    topic.add_incremental_config(ConfigEntry("max.message.bytes", "100", incremental_operation=AlterConfigOpType.SET))
    admin = admin_client(settings)
    for one in admin.incremental_alter_configs([topic]).values():
        one.result(LIMIT_S)
    publish_events(settings)
    async with running(settings) as engine:
        failure = await engine.failure()
    assert "commits in a row were refused" in str(failure)
    assert dead(settings) == []
