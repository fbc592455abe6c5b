"""One poll: raw records by topic and partition, and which partitions were read to their end."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from confluent_kafka import Consumer

from topics.consuming import Record, TopicNumber, take


class Polled(NamedTuple):
    """`records` in offset order, by topic and partition number; `ends`: where a partition's stable end was met."""

    records: dict[TopicNumber, list[Record]]
    ends: dict[TopicNumber, int]


def poll(consumer: Consumer, limit: int, timeout_s: float) -> Polled:
    """Take at most `limit` records, waiting at most `timeout_s` for the first. Raises as `take` does."""
    arrived = take(consumer, limit, timeout_s)
    records: defaultdict[TopicNumber, list[Record]] = defaultdict(list)
    for record in arrived.records:
        records[(record.topic(), record.partition())].append(record)
    return Polled(dict(records), arrived.ends)
