"""Both brokers take a record and give it back."""

from __future__ import annotations

from pathlib import Path

from confluent_kafka import Consumer, Producer
from confluent_kafka.cimpl import NewTopic

from deploy.kafka.server import Node, broker_settings, node_settings
from tests.kafka import ANSWER_TIMEOUT_S, Broker, create_topics, unique


def test_a_record_comes_back(broker: Broker) -> None:
    topic = unique("echo")
    create_topics(broker, NewTopic(topic, 4, 1))
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce(topic, b"value", b"key")
    assert producer.flush(ANSWER_TIMEOUT_S) == 0
    consumer = Consumer(
        {"bootstrap.servers": broker.bootstrap, "group.id": unique("reader"), "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    message = consumer.poll(ANSWER_TIMEOUT_S)
    consumer.close()
    assert message is not None
    assert (message.key(), message.value()) == (b"key", b"value")


def test_every_node_names_every_voter() -> None:
    """Three nodes: each lists all three controllers and replicates internal topics to all."""
    nodes = [Node(i, 9092 + i, 9192 + i, Path(str(i))) for i in range(3)]
    for node in nodes:
        assert node_settings(node, nodes)["controller.quorum.voters"].count("@") == 3
        assert f":{node.port}" in node_settings(node, nodes)["advertised.listeners"]
    assert broker_settings(3)["offsets.topic.replication.factor"] == "3"
    assert broker_settings(1)["transaction.state.log.min.isr"] == "1"
