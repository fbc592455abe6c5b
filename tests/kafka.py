"""The brokers that tests run against, and topics on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

NOT_RUN = "REAL KAFKA NOT RUN"
EMBEDDED_PARTITIONS = 4  # the mock cluster makes its topics itself, with this many partitions
ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Broker:
    """A broker under test. `transactional` is False where transactions and committed reads prove nothing."""

    bootstrap: str
    transactional: bool


@contextmanager
def embedded_broker() -> Iterator[str]:
    """The address of librdkafka's mock cluster, which lives in this process as long as the context."""
    cluster = Producer({"bootstrap.servers": "ignored:1", "test.mock.num.brokers": 1, "log_level": 2})
    brokers = cluster.list_topics(timeout=ANSWER_TIMEOUT_S).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    cluster.flush(0)


def unique(name: str) -> str:
    """A topic, group or prefix that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def create_topics(broker: Broker, *topics: NewTopic) -> None:
    """Create the topics on real Kafka and wait for them; the embedded broker makes its own."""
    if broker.transactional:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for made in admin.create_topics(list(topics), operation_timeout=ANSWER_TIMEOUT_S).values():
            made.result(ANSWER_TIMEOUT_S)
