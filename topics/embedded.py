"""librdkafka's mock cluster as a broker inside this process: for the demo and quick tests.

At least once, in memory, 4 partitions a topic, one worker, the newest 5 MiB of a partition; no transactions that mean
anything, no read_committed, compaction or retention. Every claim about guarantees needs a real Kafka.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaException, cimpl
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

GROUP_FORMS_AFTER_MS = 100
"""How long a new group waits for more members; 3 s unless told, and there is one worker."""

PRODUCER = 0
QUIET = b"2"
"""Of librdkafka's log: what is critical."""
BROKERS = 1
REASON_BYTES = 512


@contextmanager
def embedded_broker() -> Iterator[str]:
    """The bootstrap address of a broker that lives as long as the context.

    Made with librdkafka's own functions, since its `test.mock.num.brokers` leaves a group's delay at 3 s.
    Raises ConfigurationError where librdkafka does not make it.
    """
    library = _librdkafka()
    reason = ctypes.create_string_buffer(REASON_BYTES)
    config = library.rd_kafka_conf_new()
    library.rd_kafka_conf_set(config, b"log_level", QUIET, reason, REASON_BYTES)
    host = library.rd_kafka_new(PRODUCER, config, reason, REASON_BYTES)
    cluster = host and library.rd_kafka_mock_cluster_new(host, BROKERS)
    if not cluster:
        raise ConfigurationError(f"librdkafka made no embedded broker: {reason.value.decode() or 'no reason given'}")
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, GROUP_FORMS_AFTER_MS)
    try:
        yield library.rd_kafka_mock_cluster_bootstraps(cluster).decode()
    finally:
        library.rd_kafka_mock_cluster_destroy(cluster)
        library.rd_kafka_destroy(host)


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


def _librdkafka() -> ctypes.CDLL:
    """The library that confluent-kafka brings and has loaded: its symbols are found through the module's own file."""
    library = ctypes.CDLL(cimpl.__file__)
    pointer, text, size, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    for name, result, arguments in (
        ("rd_kafka_conf_new", pointer, ()),
        ("rd_kafka_conf_set", number, (pointer, text, text, text, size)),
        ("rd_kafka_new", pointer, (number, pointer, text, size)),
        ("rd_kafka_destroy", None, (pointer,)),
        ("rd_kafka_mock_cluster_new", pointer, (pointer, number)),
        ("rd_kafka_mock_cluster_destroy", None, (pointer,)),
        ("rd_kafka_mock_cluster_bootstraps", text, (pointer,)),
        ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, (pointer, ctypes.c_int32)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


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
