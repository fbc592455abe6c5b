"""One poll: raw records by topic and partition, and which partitions were read to their end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
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


def came_again(polled: Polled, position: Callable[[TopicNumber], int]) -> bool:
    """Whether a poll brought what took effect, below a partition's position: what one took just before it announced an
    assignment comes twice.
    """
    return any(taken[0].offset() < position(where) for where, taken in polled.records.items())


def unread(polled: Polled, position: Callable[[TopicNumber], int]) -> Polled:
    """What a poll brought, once and in order, from each partition's position on."""
    records = {}
    for where, taken in polled.records.items():
        in_order = {record.offset(): record for record in taken if record.offset() >= position(where)}
        if in_order:
            records[where] = [in_order[offset] for offset in sorted(in_order)]
    return Polled(records, polled.ends)
