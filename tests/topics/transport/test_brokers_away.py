"""A worker that needs an answer of brokers that are away waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import chain, repeat
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.kafka import Broker, kafka_of_its_own
from tests.topics.engine import COUNTS, Engine, declared, engine_settings, running
from tests.topics.events import event, publish
from topics import log_end
from topics.consuming import committed_offsets
from topics.embedded import PARTITIONS
from topics.errors import StreamStopped
from topics.settings import Settings
from topics.transport import member

EVENTS = [event(number, f"s-{number % 7}") for number in range(200)]
ASKED = [(member, "committed_offsets"), (member, "check_offsets"), (log_end, "topic_ids"), (log_end, "end_offsets")]
"""What is asked when partitions come: by the assignment, and by the restore of their states."""
TIMES = 3
RESTARTS = 4


@pytest.fixture
def settings(kafka: str) -> Settings:
    made = engine_settings(Broker(kafka, transactional=True))
    publish(kafka, made.prefix + "session-event", EVENTS)
    return made


class Away:
    """Fails a function of a module, as brokers that are away do, so many times."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, times: int | None, code: int) -> None:
        self.asked = 0
        self._answer: Callable[..., Any] = getattr(module, name)
        self._fails = chain(repeat(True, times), repeat(False)) if times is not None else repeat(True)
        self._code = code
        monkeypatch.setattr(module, name, self)

    def __call__(self, *arguments: Any) -> Any:
        self.asked += 1
        if next(self._fails):
            raise KafkaException(KafkaError(self._code))
        return self._answer(*arguments)


@pytest.mark.parametrize(("module", "name"), ASKED)
async def test_partitions_that_come_while_brokers_are_away_are_read_when_they_are_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """Neither the assignment nor a restore ends the worker: it asks again, and every event takes effect once."""
    away = Away(monkeypatch, module, name, TIMES, KafkaError._ALL_BROKERS_DOWN)
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS) and engine.partitions == PARTITIONS)
        assert sum(engine.states(COUNTS.name).values()) == len(EVENTS)
    assert away.asked > TIMES


@pytest.mark.parametrize(("module", "name"), ASKED)
async def test_a_worker_that_waits_for_brokers_can_be_stopped(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    """It ends in order, though they never come back."""
    away = Away(monkeypatch, module, name, None, KafkaError._TRANSPORT)
    engine = declared(settings)
    starting = asyncio.ensure_future(engine.app.start())
    await until_asked(engine, away)
    await engine.app.stop()
    await starting
    assert engine.seen == 0
    assert engine.app.stream_consumer.crash_reason is None


def has_counted(engine: Engine, events: int) -> bool:
    """Whether that many events took effect."""
    return sum(engine.states(COUNTS.name).values()) == events


async def test_a_broker_that_restarts_again_and_again_is_gone_on_with() -> None:
    """Clients that it finds idle too: librdkafka may wait for ever for the coordinator that it knew before."""
    with kafka_of_its_own() as kafka:
        settings = engine_settings(Broker(kafka.bootstrap, transactional=True))
        async with running(settings) as engine:
            for restarts in range(RESTARTS):
                await asyncio.to_thread(kafka.restart, 0)
                publish(kafka.bootstrap, settings.prefix + "session-event", EVENTS)
                await engine.until(partial(has_counted, engine, (restarts + 1) * len(EVENTS)))


async def test_a_broker_that_dies_in_an_assignment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As its clients tell it, and not as a test does: it is killed before offsets are asked, and back after that
    failed."""
    ask, asked = committed_offsets, list[str]()

    def dying(*arguments: Any) -> Any:
        if not asked:
            server.kill()
        elif len(asked) == 1:
            server.restart()
        asked.append("asked")
        return ask(*arguments)

    monkeypatch.setattr(member, "committed_offsets", dying)
    with kafka_of_its_own() as server:
        settings = engine_settings(Broker(server.bootstrap, transactional=True))
        publish(server.bootstrap, settings.prefix + "session-event", EVENTS)
        async with running(settings) as engine:
            await engine.until(lambda: engine.seen == len(EVENTS))
    assert len(asked) > 1


async def test_an_answer_that_waiting_does_not_change_stops_the_worker(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a group that it may not read."""
    Away(monkeypatch, member, "committed_offsets", None, KafkaError.GROUP_AUTHORIZATION_FAILED)
    async with running(settings) as engine:
        assert isinstance(await engine.failure(), StreamStopped)


async def until_asked(engine: Engine, away: Away) -> None:
    """Until it asked again after a failure; nothing that the engine tells says so."""
    while away.asked <= 1:
        assert engine.app.stream_consumer.crash_reason is None
        await asyncio.sleep(0.01)
