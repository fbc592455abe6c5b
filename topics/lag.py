"""How far the workers' group is behind: the stable end of what it reads, less what it committed."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, TopicPartition

from topics.clients import group_observer
from topics.consuming import committed_offsets, everywhere
from topics.errors import ConfigurationError, TopicMismatch
from topics.settings import Settings
from topics.table import GROUPS

LEADER_MOVES = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
LEADER_WAIT_S = 0.2


class PartitionLag(NamedTuple):
    """One partition of a topic (its full name), and the group's place in it.

    `committed` is None where the group committed nothing: `lag` then counts from the partition's beginning. `end` is
    the stable end: no open transaction lies below it.
    """

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int


def lags(settings: Settings) -> list[PartitionLag]:
    """The lag of the workers' group on every partition of every topic that agents read, by topic and number.

    In records, an upper bound where markers or compaction leave holes. Raises ConfigurationError where the broker does
    not answer, TopicMismatch where a topic is missing.
    """
    client = group_observer(settings, settings.group_id)
    try:
        found = [tp for name in _read_topics(settings) for tp in _partitions(client, settings, name)]
        committed = committed_offsets(client, found, settings.request_timeout_s)
        return [_lag(client, tp, settings.request_timeout_s) for tp in committed]
    except KafkaException as error:
        raise ConfigurationError(
            f"the offsets of group {settings.group_id} cannot be had from {settings.broker} ({error.args[0].str()}); "
            "is LAM_BROKER right, and may this client read the group?"
        ) from error
    finally:
        client.close()


def _read_topics(settings: Settings) -> list[str]:
    return sorted(settings.prefix + topic for group in GROUPS.values() for topic in group.topics)


def _partitions(client: Consumer, settings: Settings, name: str) -> list[TopicPartition]:
    partitions = everywhere(client, name, OFFSET_INVALID, settings.request_timeout_s)
    if not partitions:
        raise TopicMismatch(f"topic {name} does not exist; `lam topics apply` creates it")
    return partitions


def _lag(client: Consumer, tp: TopicPartition, timeout_s: float) -> PartitionLag:
    first, end = _ends(client, tp, timeout_s)
    committed = tp.offset if tp.offset >= 0 else None
    return PartitionLag(tp.topic, tp.partition, committed, end, max(0, end - max(tp.offset, first)))


def _ends(client: Consumer, tp: TopicPartition, timeout_s: float) -> tuple[int, int]:
    """Where a partition begins and stably ends; waits while its leader moves, or has just been made."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            ends: tuple[int, int] = client.get_watermark_offsets(tp, timeout=timeout_s)
            return ends
        except KafkaException as error:
            if error.args[0].code() not in LEADER_MOVES or time.monotonic() >= deadline:
                raise
            time.sleep(LEADER_WAIT_S)
