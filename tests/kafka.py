"""The brokers that tests run against, and topics on them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.kafka import KafkaServer, KafkaUnavailable

NOT_RUN = "REAL KAFKA NOT RUN"
ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Broker:
    """A broker under test. `transactional` is False where transactions and committed reads prove nothing."""

    bootstrap: str
    transactional: bool


def kafka_of_its_own(brokers: int = 1, **options: Any) -> KafkaServer:
    """Brokers, not started yet, that a test may do to what it likes; where there can be none it is skipped."""
    try:
        return KafkaServer(brokers, **options)
    except KafkaUnavailable as reason:
        pytest.skip(f"{NOT_RUN}: {reason}")


def unique(name: str) -> str:
    """A topic, group or prefix that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def create_topics(broker: Broker, *topics: NewTopic) -> None:
    """Create the topics on real Kafka and wait for them; the embedded broker makes its own."""
    if broker.transactional:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        for made in admin.create_topics(list(topics), operation_timeout=ANSWER_TIMEOUT_S).values():
            made.result(ANSWER_TIMEOUT_S)
