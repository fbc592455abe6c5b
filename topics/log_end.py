"""Reading a partition to the end it had at a moment, however its transactions stand."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from topics.clients import admin_client, reader
from topics.consuming import Record, take
from topics.errors import RestoreFailed
from topics.settings import Settings

log = logging.getLogger(__name__)

POLL_RECORDS = 10_000
POLL_S = 0.2
TELL_EVERY_S = 5.0
LEADER_MOVES = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})
LEADER_WAIT_S = 0.1


def end_offsets(admin: AdminClient, partitions: list[TopicPartition], timeout_s: float) -> dict[tuple[str, int], int]:
    """The log's end of each partition, open transactions included.

    A read_committed consumer asked for the same answers with the last stable offset, which lies below a committed
    transaction whose marker is late; what it hides would be missing after a restore.
    Waits while a partition's leader is being elected or not yet known, as after a topic's creation. Raises
    KafkaException where the broker does not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return _end_offsets(admin, partitions, timeout_s)
        except KafkaException as error:
            if error.args[0].code() not in LEADER_MOVES or time.monotonic() >= deadline:
                raise
            time.sleep(LEADER_WAIT_S)


def _end_offsets(admin: AdminClient, partitions: list[TopicPartition], timeout_s: float) -> dict[tuple[str, int], int]:
    # A client that does not know the leader yet would send this only when its timers next look, up to 3 s later.
    admin.list_topics(partitions[0].topic, timeout=timeout_s)
    answers = admin.list_offsets(
        {partition: OffsetSpec.latest() for partition in partitions},  # type: ignore[no-untyped-call]
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=timeout_s,
    )
    return {(tp.topic, tp.partition): answer.result().offset for tp, answer in answers.items()}


def read_to_end(
    settings: Settings, topic: str, partition: int, stopping: Callable[[], bool] = lambda: False
) -> Iterator[list[Record]]:
    """Every committed record from the partition's beginning to the end it has now, in batches.

    An open transaction below that end is waited for and named in the log. Ends early when `stopping` says so.
    Raises RestoreFailed where the topic's end cannot be asked, StreamStopped where it cannot be read.
    """
    target = TopicPartition(topic, partition)
    try:
        end = end_offsets(admin_client(settings), [target], settings.request_timeout_s)[(topic, partition)]
    except KafkaException as error:
        raise RestoreFailed(f"{topic}[{partition}]: its end cannot be asked ({error}); `lam topics check`") from error
    consumer = reader(settings)
    try:
        # Likewise: where the leader is not known, asking for the beginning is tried again half a second later.
        consumer.list_topics(topic, timeout=settings.request_timeout_s)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        yield from _read(consumer, topic, partition, end, stopping)
    finally:
        consumer.close()


def _read(
    consumer: Consumer, topic: str, partition: int, end: int, stopping: Callable[[], bool]
) -> Iterator[list[Record]]:
    position, told = 0, time.monotonic()
    while position < end and not stopping():
        records, ends = take(consumer, POLL_RECORDS, POLL_S)
        if records:
            position = records[-1].offset() + 1
            yield records
        position = max(position, ends.get((topic, partition), 0))
        if position < end and time.monotonic() - told >= TELL_EVERY_S:
            told = time.monotonic()
            log.info("%s[%d]: read to %d of %d; waiting where a transaction is open", topic, partition, position, end)
