"""The topics of a run: made for one prefix, and removed with it."""

from __future__ import annotations

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.subjects import INPUT

PARTITIONS = 12
ANSWER_TIMEOUT_S = 30.0

INPUT_CONFIG = {"compression.type": "zstd", "message.timestamp.type": "LogAppendTime"}
STATE_CONFIG = {"compression.type": "zstd", "cleanup.policy": "compact"}
OUTPUT_CONFIG = {"compression.type": "zstd"}


def make_topics(bootstrap: str, prefix: str) -> None:
    """The input and what the peers write to; what exists already (the subject made it) is left as it is."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    wanted = {
        INPUT: INPUT_CONFIG,
        "floor-state": STATE_CONFIG,
        "stock-faust-decision": OUTPUT_CONFIG,
        "stock-faust-intervention": OUTPUT_CONFIG,
        "intervention": OUTPUT_CONFIG,
    }
    topics = [NewTopic(prefix + name, PARTITIONS, 1, config=config) for name, config in wanted.items()]
    for made in admin.create_topics(topics, operation_timeout=ANSWER_TIMEOUT_S).values():
        try:
            made.result(ANSWER_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    while not {prefix + name for name in wanted} <= set(admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics):
        time.sleep(0.1)


def remove_topics(bootstrap: str, prefix: str) -> None:
    """Remove every topic of the prefix, so that the next run finds the disk as this one did."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
    names = [name for name in admin.list_topics(timeout=ANSWER_TIMEOUT_S).topics if name.startswith(prefix)]
    if names:
        for removed in admin.delete_topics(names, operation_timeout=ANSWER_TIMEOUT_S).values():
            removed.result(ANSWER_TIMEOUT_S)
