"""Reading a partition to the end it had at a moment, however its transactions stand."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Literal, NamedTuple

from confluent_kafka import (
    IsolationLevel,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from topics.clients import admin_client, reader
from topics.consuming import LEADER_MOVES, Record, TopicNumber, is_away, take
from topics.errors import ChangelogAway, RestoreFailed
from topics.offset_checks import TopicNow
from topics.settings import Settings

log = logging.getLogger(__name__)

POLL_RECORDS = 4_000
POLL_S = 0.2
TELL_EVERY_S = 5.0
LEADER_WAIT_S = 0.1

Offsets = dict[TopicNumber, int]


class LogExtent(NamedTuple):
    """A partition of a topic: the cluster's id, the topic's, its first offset, and its end."""

    cluster_id: str
    topic_id: str
    first: int
    end: int


class Read(NamedTuple):
    """Records of one partition, in order, and the position behind them: beyond the last where markers follow it."""

    where: TopicNumber
    records: list[Record]
    position: int


def end_offsets(admin: AdminClient, partitions: list[TopicPartition], timeout_s: float) -> Offsets:
    """The log's end of each partition, open transactions included.

    A read_committed consumer asked for the same answers with the last stable offset, which lies below a committed
    transaction whose marker is late; what it hides would be missing after a restore. Waits and raises as
    `listed_offsets`.
    """
    return listed_offsets(admin, partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED, timeout_s)  # type: ignore[no-untyped-call]


def listed_offsets(
    admin: AdminClient, partitions: list[TopicPartition], spec: OffsetSpec, isolation: IsolationLevel, timeout_s: float
) -> Offsets:
    """The offset that `spec` asks for of each partition, by full topic name and number; -1 where a time has none.

    Waits while a partition's leader is being elected, not yet known, or does not know its end, as after a topic's
    creation. Raises KafkaException where the broker does not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    # A client that does not know the leader yet would send this only when its timers next look, up to 3 s later.
    for topic in {tp.topic for tp in partitions}:
        admin.list_topics(topic, timeout=timeout_s)
    asked = dict.fromkeys(partitions, spec)
    while True:
        try:
            answers = admin.list_offsets(asked, isolation_level=isolation, request_timeout=timeout_s)
            return {(tp.topic, tp.partition): answer.result().offset for tp, answer in answers.items()}
        except KafkaException as error:
            if error.args[0].code() not in LEADER_MOVES or time.monotonic() >= deadline:
                raise
            time.sleep(LEADER_WAIT_S)


def first_offsets(admin: AdminClient, partitions: list[TopicPartition], timeout_s: float) -> Offsets:
    """The first offset that each partition still has: above 0 where records were deleted from its beginning.

    Compaction does not move it. Raises as `end_offsets` does.
    """
    return listed_offsets(admin, partitions, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED, timeout_s)  # type: ignore[no-untyped-call]


def stable_ends(admin: AdminClient, partitions: list[TopicPartition], timeout_s: float) -> Offsets:
    """The offset of each partition below which every transaction is committed or aborted.

    Raises as `end_offsets` does.
    """
    return listed_offsets(admin, partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED, timeout_s)  # type: ignore[no-untyped-call]


def ask_changelogs(settings: Settings, partitions: list[TopicNumber]) -> dict[TopicNumber, LogExtent]:
    """How the given changelog partitions stand, open transactions included.

    The embedded broker knows no ids, and what it dropped is not told by it: both are left out there.
    Raises RestoreFailed where a topic is missing, ChangelogAway where brokers are.
    """
    if not partitions:
        return {}
    admin, limit = admin_client(settings), settings.request_timeout_s
    targets = [TopicPartition(*where) for where in partitions]
    try:
        ids, cluster, firsts = dict[str, str](), "", dict[TopicNumber, int]()
        if settings.exactly_once:
            ids = topic_ids(admin, {topic for topic, _ in partitions}, limit)
            cluster = str(admin.describe_cluster(request_timeout=limit).result().cluster_id)
            firsts = first_offsets(admin, targets, limit)
        ends = end_offsets(admin, targets, limit)
    except KafkaException as error:
        named = ", ".join(sorted({topic for topic, _ in partitions}))
        kind = ChangelogAway if is_away(error) else RestoreFailed
        raise kind(f"{named}: where they end cannot be asked ({error}); `lam topics check`") from error
    return {where: LogExtent(cluster, ids.get(where[0], ""), firsts.get(where, 0), ends[where]) for where in partitions}


def ask_topics(admin: AdminClient, topics: Iterable[str], timeout_s: float) -> dict[str, TopicNow]:
    """What topics (full names) are at present, by name. Raises KafkaException where one does not exist."""
    asked = admin.describe_topics(TopicCollection(sorted(topics)), request_timeout=timeout_s)
    found = {name: answer.result() for name, answer in asked.items()}
    return {name: TopicNow(len(one.partitions), str(one.topic_id)) for name, one in found.items()}


def topic_ids(admin: AdminClient, topics: Iterable[str], timeout_s: float) -> dict[str, str]:
    """The id that each topic was given when it was made. Raises as `ask_topics` does."""
    return {name: now.topic_id for name, now in ask_topics(admin, topics, timeout_s).items()}


def read_to_end(settings: Settings, topic: str, partition: int) -> Iterator[list[Record]]:
    """Every committed record from the partition's beginning to the end it has now, in batches.

    Raises RestoreFailed where the topic's end cannot be asked, and as `read_all`.
    """
    target = TopicPartition(topic, partition)
    admin, limit = admin_client(settings), settings.request_timeout_s
    try:
        firsts, ends = first_offsets(admin, [target], limit), end_offsets(admin, [target], limit)
    except KafkaException as error:
        raise RestoreFailed(f"{topic}[{partition}]: its end cannot be asked ({error}); `lam topics check`") from error
    for read in read_all(settings, firsts, ends, reset="earliest"):
        if read.records:
            yield read.records


def read_all(
    settings: Settings,
    begins: Mapping[TopicNumber, int],
    ends: Mapping[TopicNumber, int],
    reset: Literal["earliest", "error"] = "error",
) -> Iterator[Read]:
    """Every committed record of some partitions, each from its begin to its end, in batches; about every POLL_S one
    without records where none came.

    A transaction that is open below an end is waited for, and named in the log. Raises StreamStopped where a partition
    cannot be read; with `reset` "error" also where its beginning is deleted meanwhile.
    """
    positions = {where: begin for where, begin in begins.items() if begin < ends[where]}
    if not positions:
        return
    telling = _Telling(positions, ends)
    consumer = reader(settings, reset)
    try:
        consumer.assign([TopicPartition(*where, offset) for where, offset in positions.items()])
        while positions:
            records, met = take(consumer, POLL_RECORDS, POLL_S)
            for where, batch in _by_partition(records):
                positions[where] = batch[-1].offset() + 1
                yield Read(where, batch, positions[where])
            for where, end in met.items():
                positions[where] = end
                yield Read(where, [], end)
            telling.tell(positions, len(records))
            if not records:
                yield Read(next(iter(positions)), [], next(iter(positions.values())))
            for where in [where for where, position in positions.items() if position >= ends[where]]:
                del positions[where]
    finally:
        consumer.close()


def _by_partition(records: list[Record]) -> Iterator[tuple[TopicNumber, list[Record]]]:
    for where, run in groupby(records, lambda record: (record.topic(), record.partition())):
        yield where, list(run)


class _Telling:
    """Says in the log, every few seconds, how far reading has come and what it waits for."""

    def __init__(self, begins: Mapping[TopicNumber, int], ends: Mapping[TopicNumber, int]) -> None:
        self._ends = ends
        self._to_read = sum(ends[where] - begin for where, begin in begins.items())
        self._began = self._told = time.monotonic()
        self._records, self._records_told = 0, 0

    def tell(self, positions: Mapping[TopicNumber, int], records: int) -> None:
        """`positions` are those of partitions that were not at their end; `records` came since the last call."""
        self._records += records
        now = time.monotonic()
        left = sum(self._ends[where] - position for where, position in positions.items())
        if left <= 0 or now - self._told < TELL_EVERY_S:
            return
        rate = self._records / (now - self._began)
        if self._records > self._records_told:
            log.info(
                "%d of %d records read, %.0f a second, %.0f s left",
                self._to_read - left,
                self._to_read,
                rate,
                left / max(rate, 1.0),
            )
        else:
            waiting = {where: position for where, position in positions.items() if position < self._ends[where]}
            for (topic, partition), position in waiting.items():
                end = self._ends[(topic, partition)]
                log.info("%s[%d]: read to %d of %d; waiting for an open transaction", topic, partition, position, end)
        self._told, self._records_told = now, self._records
