"""Topics that change beneath a running worker."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.kafka import Broker
from tests.topics.engine import engine_settings, running
from tests.topics.events import event, publish
from tests.topics.topics_and_groups import make_anew
from topics.errors import TopicChanged
from topics.offset_checks import TopicNow
from topics.transport import topic_watch
from topics.transport.topic_watch import EVERY_S, TopicWatch

LIMIT_S = 10.0
KNOWN = {"events": TopicNow(4, "old")}


class Telling:
    """A broker that tells what it is given, and when it was asked."""

    def __init__(self, *answers: Mapping[str, TopicNow]) -> None:
        self.now = 0.0
        self.asked: list[float] = []
        self._answers = list(answers)

    def watch(self) -> TopicWatch:
        return TopicWatch(self.ask, lambda: self.now)

    def ask(self, topics: Collection[str]) -> Mapping[str, TopicNow]:
        assert set(topics) == set(KNOWN)
        self.asked.append(self.now)
        if not self._answers:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        return self._answers.pop(0)


def look_at(watch: TopicWatch, broker: Telling, *times: float) -> None:
    """At each of these times, until what was asked then is told."""
    for broker.now in times:
        watch.look(KNOWN)
        if watch._answer is not None:
            watch._answer.exception(LIMIT_S)


def test_it_is_asked_now_and_then() -> None:
    """Not each time, and again where a broker did not tell."""
    broker = Telling(KNOWN)
    look_at(broker.watch(), broker, 0.0, EVERY_S - 0.1, EVERY_S, EVERY_S + 1, 2 * EVERY_S, 2.5 * EVERY_S, 3 * EVERY_S)
    assert broker.asked == [EVERY_S, 2 * EVERY_S, 3 * EVERY_S]


@pytest.mark.parametrize(
    ("now", "told"), [(TopicNow(4, "new"), "found one of id new"), (TopicNow(6, "old"), "found 6: keys moved")]
)
def test_what_changed_is_told(now: TopicNow, told: str) -> None:
    """With what to do."""
    broker = Telling({"events": now})
    with pytest.raises(TopicChanged, match=told):
        look_at(broker.watch(), broker, EVERY_S, EVERY_S)


async def test_a_longer_topic_of_the_same_name_is_no_continuation(kafka: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its offsets are those of other records; a consumer that did not fetch meanwhile would go on at its own."""
    monkeypatch.setattr(topic_watch, "EVERY_S", 0.0)
    settings = engine_settings(Broker(kafka, transactional=True))
    topic = settings.prefix + "session-event"
    publish(kafka, topic, [event(number, f"s-{number % 7}") for number in range(60)])
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == 60)
        cycle = engine.app.stream_consumer._cycle
        assert cycle is not None
        cycle._member._consumer.pause([TopicPartition(topic, number) for number in range(settings.partitions)])
        await asyncio.to_thread(make_anew, settings, topic)
        publish(kafka, topic, [event(number, f"s-{number % 7}") for number in range(260)])
        assert isinstance(await engine.failure(), TopicChanged)
        assert engine.seen == 60
