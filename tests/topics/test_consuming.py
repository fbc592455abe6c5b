"""Taking what came from a consumer."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition

from tests.kafka import Broker
from tests.topics.engine import LIMIT_S, engine_settings
from topics.clients import group_consumer
from topics.consuming import take
from topics.errors import StreamStopped


def test_an_offset_that_the_topic_does_not_hold_stops_with_what_to_do(kafka: str) -> None:
    """No silent jump to either end: the error names the partition and says how to go on."""
    settings = engine_settings(Broker(kafka, transactional=True))
    topic = settings.prefix + "session-event"
    consumer = group_consumer(settings, settings.group_id)
    consumer.assign([TopicPartition(topic, 1, 10)])
    with pytest.raises(StreamStopped, match=rf"{topic}\[1\] cannot be read: .*sets the group's offsets"):
        take(consumer, 10, LIMIT_S)
    consumer.close()
