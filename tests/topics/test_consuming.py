"""Taking what came from a consumer."""

from __future__ import annotations

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from tests.kafka import Broker
from tests.topics.engine import LIMIT_S, engine_settings
from topics.clients import close_ended, group_consumer
from topics.consuming import take
from topics.errors import ConsumerEnded, StreamStopped

SHORT_S = 0.1


def test_an_offset_that_the_topic_does_not_hold_stops_with_what_to_do(kafka: str) -> None:
    """No silent jump to either end: the error names the partition and says how to go on."""
    settings = engine_settings(Broker(kafka, transactional=True))
    topic = settings.prefix + "session-event"
    consumer = group_consumer(settings, settings.group_id)
    consumer.assign([TopicPartition(topic, 1, 10)])
    with pytest.raises(StreamStopped, match=rf"{topic}\[1\] cannot be read: .*sets the group's offsets"):
        take(consumer, 10, LIMIT_S)
    consumer.close()


def from_the_beginning(consumer: Consumer, partitions: list[TopicPartition]) -> None:
    consumer.assign([TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING) for tp in partitions])


def take_for_ever(consumer: Consumer) -> None:
    while True:
        take(consumer, 1, SHORT_S)


def test_a_consumer_that_is_fenced_is_told_from_one_that_waits(kafka: str) -> None:
    """librdkafka tells it at the next heartbeat, once, and gets nothing from then on."""
    settings = engine_settings(Broker(kafka, transactional=True))
    topic = settings.prefix + "session-event"
    older, newer = (group_consumer(settings, settings.group_id, [topic]) for _ in range(2))
    for consumer in (older, newer):
        consumer.subscribe([topic], on_assign=from_the_beginning)
        while not consumer.assignment():
            take(consumer, 1, SHORT_S)
    with pytest.raises(ConsumerEnded, match="fenced"):
        take_for_ever(older)
    for consumer in (older, newer):
        close_ended(consumer)
