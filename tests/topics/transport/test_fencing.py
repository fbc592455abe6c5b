"""A worker that its group takes for another, as a broker does that comes back, and one that has a twin."""

from __future__ import annotations

import asyncio
from itertools import count as counting

import pytest
from confluent_kafka import Consumer

from tests.kafka import Broker
from tests.topics.engine import Engine, engine_settings, group_offsets, running
from tests.topics.events import event, publish
from topics.clients import group_consumer
from topics.consuming import COORDINATOR_WAIT_S
from topics.errors import StreamStopped
from topics.settings import Settings
from topics.transport.fencing import TIMES, Fencing

WITHIN_S = 10.0


def taking_the_place_of(engine: Engine, settings: Settings) -> Consumer:
    """A member of the same name, which the group has instead of the worker from now on."""
    topics = sorted(settings.prefix + topic for group in engine.app.groups_in_use.values() for topic in group.topics)
    other = group_consumer(settings, settings.group_id, topics)
    other.subscribe(topics)
    while not other.assignment():
        other.poll(COORDINATOR_WAIT_S)
    return other


def counted(engine: Engine) -> int:
    """Events that state holds."""
    return sum(engine.states().values())


async def test_who_is_fenced_joins_anew_and_goes_on(kafka: str, caplog: pytest.LogCaptureFixture) -> None:
    """librdkafka ends a consumer that is fenced for good: without another the worker would never read again."""
    settings = engine_settings(Broker(kafka, transactional=True))
    async with running(settings) as engine:
        publish(settings.broker, settings.prefix + "session-event", [event(number) for number in range(3)])
        await engine.until(lambda: counted(engine) == 3)
        taking_the_place_of(engine, settings).close()
        publish(settings.broker, settings.prefix + "session-event", [event(number) for number in range(3, 6)])
        await engine.until(lambda: counted(engine) == 6)
    assert "the group has another member under this one's name; another consumer joins" in caplog.text
    assert sum(group_offsets(settings, settings.group_id, "session-event").values()) == 6


async def test_of_two_workers_with_one_id_one_ends(kafka: str) -> None:
    """The other goes on."""
    settings = engine_settings(Broker(kafka, transactional=True))
    async with running(settings) as older, running(settings) as newer:
        ended = [asyncio.ensure_future(one.failure()) for one in (older, newer)]
        done, waiting = await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        assert [type(one.result()) for one in done] == [StreamStopped]
        assert "another worker runs with LAM_WORKER_ID worker-0" in str(done.pop().result())
        left = older if ended[0] in waiting else newer
        publish(settings.broker, settings.prefix + "session-event", [event(0)])
        await left.until(lambda: counted(left) == 1)
        waiting.pop().cancel()


def test_who_is_fenced_over_and_over_has_a_twin() -> None:
    """It takes the other's place as often as it is taken."""
    times = counting(0.0, WITHIN_S / TIMES)
    fencing = Fencing("worker-0", WITHIN_S, lambda: next(times))
    for _ in range(TIMES - 1):
        fencing.happened()
    with pytest.raises(StreamStopped, match=r"LAM_WORKER_ID worker-0.*give each its own"):
        fencing.happened()


def test_who_is_fenced_now_and_then_has_none() -> None:
    """Accidents lie apart."""
    times = counting(0.0, WITHIN_S / (TIMES - 1))
    fencing = Fencing("worker-0", WITHIN_S, lambda: next(times))
    for _ in range(5 * TIMES):
        fencing.happened()
