"""Taking what came from a consumer: records, ends of partitions, and errors that reading on does not mend."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from topics.errors import ConsumerEnded, StreamStopped
from topics.settings import Settings

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
    }
)
"""Errors that reading on does not mend; a broker that is away for a while is not among them."""

END_OF_CONSUMER = frozenset({KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID})
"""After which this consumer gets nothing any more, and another one may."""

COORDINATOR_MOVES = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
COORDINATOR_WAIT_S = 0.2

LEADER_MOVES = frozenset(
    {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.OFFSET_NOT_AVAILABLE}
)

AWAY = (
    COORDINATOR_MOVES
    | LEADER_MOVES
    | {
        KafkaError._TRANSPORT,
        KafkaError._RESOLVE,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._WAIT_COORD,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_CONTROLLER,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
    }
)
"""What a broker that is away, or just came back, has us hear: waiting mends it."""

AWAY_ASK_S = 5.0
"""How long one attempt may take to ask what is asked until brokers answer: a worker that is told to stop stops then."""
AWAY_PAUSE_S = 0.2

OFFSET_GONE = (
    "; the group's offset lies outside what the topic still holds: records are lost, or the topic was made anew; "
    "`lam offsets show` tells which, `lam offsets reset` sets the group's offsets to say where to go on"
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


def asking_often(settings: Settings) -> Settings:
    """The same, with answers waited for no longer than AWAY_ASK_S: for what is asked again until brokers answer."""
    return settings.model_copy(update={"request_timeout_s": min(AWAY_ASK_S, settings.request_timeout_s)})


def is_away(error: KafkaException) -> bool:
    """Whether brokers are away for now, and will answer the same question later."""
    return error.args[0].code() in AWAY


def take(consumer: Consumer, limit: int, timeout_s: float) -> Arrived:
    """What has come, at most `limit` records, waiting at most `timeout_s` for the first.

    `consume` alone would wait the whole time for as many as it was asked for. Raises ConsumerEnded where the consumer
    is at its end, StreamStopped for another error that reading on does not mend; others are logged.
    """
    first = consumer.poll(timeout_s)
    if first is None:
        return Arrived([], {})
    messages = [first, *consumer.consume(limit - 1, 0)] if limit > 1 else [first]
    records: list[Record] = []
    ends: dict[TopicNumber, int] = {}
    errors = [message.error() for message in messages]
    if not any(errors):
        return Arrived(cast("list[Record]", messages), {})
    for message, error in zip(messages, errors, strict=True):
        if error is None:
            records.append(cast(Record, message))
        elif error.code() == KafkaError._PARTITION_EOF:
            end = cast(Record, message)
            ends[(end.topic(), end.partition())] = end.offset()
        elif error.fatal() or error.code() in END_OF_CONSUMER:
            raise ConsumerEnded(f"the consumer is at its end: {error.str()} ({error.name()})")
        elif error.code() in FINAL:
            where, advice = f"{message.topic()}[{message.partition()}]", ADVICE.get(error.code(), "")
            raise StreamStopped(f"{where} cannot be read: {error.str()} ({error.name()}){advice}")
        else:
            log.warning("%s[%s]: %s; going on", message.topic(), message.partition(), error.str())
    return Arrived(records, ends)


def everywhere(consumer: Consumer, topic: str, offset: int, timeout_s: float) -> list[TopicPartition]:
    """Every partition of a topic, at the given offset; none where the topic does not exist."""
    metadata = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
    return [TopicPartition(topic, number, offset) for number in metadata.partitions]


def committed_offsets(consumer: Consumer, partitions: list[TopicPartition], timeout_s: float) -> list[TopicPartition]:
    """The group's committed offset of each partition, negative where there is none.

    Waits while the group's coordinator is being found or loaded, as after a broker's start. Raises KafkaException where
    it is not found in time, or a partition's offset cannot be told.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            offsets: list[TopicPartition] = consumer.committed(partitions, timeout=timeout_s)
            for tp in offsets:
                if tp.error is not None:
                    raise KafkaException(tp.error)
            return offsets
        except KafkaException as error:
            if error.args[0].code() not in COORDINATOR_MOVES or time.monotonic() >= deadline:
                raise
            time.sleep(COORDINATOR_WAIT_S)


def header(record: Record, name: str) -> bytes | None:
    """The value of a record's header, the last one of that name."""
    found: Mapping[str, bytes] = dict(record.headers() or [])
    return found.get(name)
