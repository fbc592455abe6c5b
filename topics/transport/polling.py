"""One poll: raw records by topic and partition, and which partitions were read to their end."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, Message

from topics.clients import FINAL, take
from topics.errors import StreamStopped

log = logging.getLogger(__name__)

TopicNumber = tuple[str, int]


class Polled(NamedTuple):
    """`records` in offset order, by topic and partition number; `ends`: where a partition's stable end was met."""

    records: dict[TopicNumber, list[Message]]
    ends: dict[TopicNumber, int]


def poll(consumer: Consumer, limit: int, timeout_s: float) -> Polled:
    """Take at most `limit` records, waiting at most `timeout_s` for the first.

    Raises StreamStopped for an error that waiting does not mend.
    """
    records: defaultdict[TopicNumber, list[Message]] = defaultdict(list)
    ends: dict[TopicNumber, int] = {}
    for message in take(consumer, limit, timeout_s):
        where = (message.topic(), message.partition())
        error = message.error()
        if error is None:
            records[where].append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            ends[where] = message.offset()
        elif error.fatal() or error.code() in FINAL:
            raise StreamStopped(f"{where[0]}[{where[1]}]: cannot be read: {error.str()} ({error.name()})")
        else:
            log.warning("%s[%s]: %s; going on", where[0], where[1], error.str())
    return Polled(dict(records), ends)
