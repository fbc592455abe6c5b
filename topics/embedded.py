"""librdkafka's mock cluster as a broker inside this process: for the demo and quick tests.

At least once, in memory, 4 partitions a topic, one worker, the newest 5 MiB of a partition; no transactions that mean
anything, no read_committed, compaction or retention. Every claim about guarantees needs a real Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from topics.clients import producer
from topics.errors import ConfigurationError
from topics.settings import Settings
from topics.table import TOPICS

PARTITIONS = 4
"""The mock cluster makes its topics itself, with this many partitions."""

LIMITS = (
    "embedded broker: in memory, at least once, one worker, the newest 5 MiB of a partition; "
    "exactly once needs a real Kafka"
)
ANSWER_S = 10.0
CLUSTER_ID_PREFIX = "mockCluster"
"""What the id of every mock cluster begins with."""


@contextmanager
def embedded_broker() -> Iterator[str]:
    """The bootstrap address of a broker that lives as long as the context."""
    cluster = Producer({"bootstrap.servers": "embedded:1", "test.mock.num.brokers": 1, "log_level": 2})
    brokers = cluster.list_topics(timeout=ANSWER_S).brokers.values()
    try:
        yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    finally:
        cluster.close()


def make_topics(settings: Settings, names: Iterable[str] | None = None) -> None:
    """Make topics of the table, all of them unless named, on an embedded broker: it makes one when a producer asks.

    Raises ConfigurationError where the broker does not answer.
    """
    client = producer(settings)
    for name in TOPICS if names is None else names:
        made = client.list_topics(settings.prefix + name, timeout=ANSWER_S).topics[settings.prefix + name]
        if made.error is not None or len(made.partitions) != PARTITIONS:
            raise ConfigurationError(
                f"{settings.broker} did not make topic {settings.prefix + name} with {PARTITIONS} partitions "
                f"({made.error}); is it an embedded broker? `lam topics apply` is for real ones"
            )


def refuse_embedded(admin: AdminClient, settings: Settings, purpose: str) -> None:
    """Raises ConfigurationError where the broker is an embedded one, or does not answer.

    It takes transactions and keeps none of their promises, so that only its id tells.
    """
    try:
        cluster = admin.list_topics(timeout=settings.request_timeout_s).cluster_id
    except KafkaException as error:
        raise ConfigurationError(
            f"no broker answers at {settings.broker} ({error.args[0].str()}); is LAM_BROKER right?"
        ) from error
    if (cluster or "").startswith(CLUSTER_ID_PREFIX):
        raise ConfigurationError(
            f"{settings.broker} is an embedded broker, which has no transactions; {purpose} needs a real Kafka: "
            "`make kafka` starts one, LAM_BROKER names it"
        )
