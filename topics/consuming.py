"""Taking what came from a consumer: records, ends of partitions, and errors that reading on does not mend."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple, Protocol, cast

from confluent_kafka import Consumer, KafkaError, TopicPartition

from topics.errors import StreamStopped

log = logging.getLogger(__name__)

TopicNumber = tuple[str, int]
RecordHeaders = list[tuple[str, bytes]]

FINAL = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError._BAD_MSG,
        KafkaError._BAD_COMPRESSION,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
"""Errors that reading on does not mend; a broker that is away for a while is not among them."""

OFFSET_GONE = (
    "; the group's offset lies outside what the topic still holds: records are lost, or the topic was made anew; look "
    "at both, and set the group's offsets with Kafka's own tools to say where to go on"
)
ADVICE = {KafkaError._AUTO_OFFSET_RESET: OFFSET_GONE, KafkaError.OFFSET_OUT_OF_RANGE: OFFSET_GONE}


class Record(Protocol):
    """A record as librdkafka hands it over: a message that is no error."""

    def topic(self) -> str:
        """Full name of its topic."""

    def partition(self) -> int:
        """Number of its partition."""

    def offset(self) -> int:
        """Its place in the partition."""

    def key(self) -> bytes | None:
        """Its key."""

    def value(self) -> bytes | None:
        """Its value."""

    def headers(self) -> RecordHeaders | None:
        """Its headers."""

    def timestamp(self) -> tuple[int, int]:
        """Kind of its timestamp, and ms since the epoch."""


class Arrived(NamedTuple):
    """`records` in the order they came; `ends`: the offset at which a partition's stable end was met."""

    records: list[Record]
    ends: dict[TopicNumber, int]


def take(consumer: Consumer, limit: int, timeout_s: float) -> Arrived:
    """What has come, at most `limit` records, waiting at most `timeout_s` for the first.

    `consume` alone would wait the whole time for as many as it was asked for. Raises StreamStopped for an error that
    reading on does not mend; others are logged.
    """
    first = consumer.poll(timeout_s)
    if first is None:
        return Arrived([], {})
    messages = [first, *consumer.consume(limit - 1, 0)] if limit > 1 else [first]
    records: list[Record] = []
    ends: dict[TopicNumber, int] = {}
    for message in messages:
        error = message.error()
        if error is None:
            records.append(cast(Record, message))
        elif error.code() == KafkaError._PARTITION_EOF:
            end = cast(Record, message)
            ends[(end.topic(), end.partition())] = end.offset()
        elif error.fatal() or error.code() in FINAL:
            raise StreamStopped(
                f"{message.topic()}[{message.partition()}] cannot be read: {error.str()} ({error.name()})"
            )
        else:
            log.warning("%s[%s]: %s; going on", message.topic(), message.partition(), error.str())
    return Arrived(records, ends)


def everywhere(consumer: Consumer, topic: str, offset: int, timeout_s: float) -> list[TopicPartition]:
    """Every partition of a topic, at the given offset; none where the topic does not exist."""
    metadata = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
    return [TopicPartition(topic, number, offset) for number in metadata.partitions]


def header(record: Record, name: str) -> bytes | None:
    """The value of a record's header, the last one of that name."""
    found: Mapping[str, bytes] = dict(record.headers() or [])
    return found.get(name)
