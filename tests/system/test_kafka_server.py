"""The Kafka of the tests survives what the tests do to it."""

from __future__ import annotations

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka import ANSWER_TIMEOUT_S, kafka_of_its_own


def _write(bootstrap: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce("t", value)
    assert producer.flush(ANSWER_TIMEOUT_S) == 0


def _read(bootstrap: str, count: int) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("t", 0, 0)])
    messages = consumer.consume(count, ANSWER_TIMEOUT_S)
    consumer.close()
    return [message.value() for message in messages]


def test_what_was_written_survives_kill_restart_and_pause() -> None:
    with kafka_of_its_own() as server:
        admin = AdminClient({"bootstrap.servers": server.bootstrap, "log_level": 0})
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(ANSWER_TIMEOUT_S)
        _write(server.bootstrap, b"before")
        server.kill()
        server.restart()
        _write(server.bootstrap, b"after")
        server.pause()
        server.resume()
        assert _read(server.bootstrap, 2) == [b"before", b"after"]
    assert not server.folder.exists()
