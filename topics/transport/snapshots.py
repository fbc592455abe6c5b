"""When snapshots of partitions are taken: after commits, one partition at a time, written beside the cycle.

A snapshot stands at an offset L of each changelog: it must contain every committed record below L, since a restore
reads on from there, and may contain more, since a record is a key's whole value and the last one wins. L is the
changelog's last stable offset, asked before the states are copied, which is done on the cycle's thread right after a
commit. Below L no transaction is open when it is asked. So a committed record below L is either ours, of a commit that
had ended when the copy was made, as we copy between two commits; or a predecessor's, of a transaction decided before
its partition came to us: it was restored, since committed offsets are only told once they are stable, and whoever
commits after that is refused by the group's generation. The log's end would not do: below it may lie a transaction of
a predecessor that nobody has decided yet. Ours may be open while the offset is asked; L then stands at its beginning,
and some records are read twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from topics.clients import admin_client
from topics.daemon_thread import on_daemon_thread
from topics.log_end import stable_ends, topic_ids
from topics.metrics import Meter
from topics.settings import Settings
from topics.state import snapshot
from topics.state.snapshot import Head, LogPosition
from topics.table import changelog_name
from topics.transport.assignment import Partition, Status

log = logging.getLogger(__name__)

LEAST_RECORDS = 50_000
"""Changelog records of a partition for which no snapshot is taken: reading them takes a fraction of a second."""

EVERY_S = 600.0
"""A partition that changed at all has a snapshot no older than this, so that none comes near its longest age."""

RETRY_S = 60.0
"""After a disk that refused, or a broker that did not answer."""

LEAVING_S = 5.0
"""How long a worker that leaves waits for the snapshot that is under way."""

THREAD = "lamstream-snapshot"


@dataclass(frozen=True)
class _Taken:
    """The records a partition's changelogs had, and when (monotonic), at its last snapshot."""

    records: int
    at: float


@dataclass(frozen=True)
class _Asked:
    """Where a partition's changelogs stood, before its states are copied."""

    at: float
    place: Path
    changelogs: dict[str, LogPosition]


class Snapshots:
    """Snapshots of one worker's partitions. Methods are called on the cycle's thread; one block of rows is in flight.

    None where commits are no transactions: the embedded broker ends with its process.
    """

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self._settings = settings
        self._meter = meter
        self._admin: AdminClient | None = None
        self._place: Path | None = None
        self._taken: dict[Partition, _Taken] = {}
        self._asking: tuple[Partition, Future[_Asked | None]] | None = None
        self._writing: tuple[Partition, _Taken, Future[bool]] | None = None
        self._failed_at: float | None = None
        self._told: str | None = None

    def after_commit(self, partitions: Iterable[Partition]) -> None:
        """A span of these partitions was committed and kept, and nothing happened since."""
        if not self._settings.exactly_once or self._under_way:
            return
        if self._writing is not None:
            (partition, before, written), self._writing = self._writing, None
            if not written.result():
                self._taken[partition] = before
        if self._asking is not None:
            (partition, answer), self._asking = self._asking, None
            asked = answer.result()
            if asked is not None and partition.status is Status.READY:
                self._copy(partition, asked)
        else:
            due = self._due(list(partitions), time.monotonic())
            if due is not None:
                self._asking = due, on_daemon_thread(THREAD, partial(self._ask, due))

    def close(self) -> None:
        """Wait for what is under way, for LEAVING_S at most; the process's end does not wait for it either.

        What is left half written is under no snapshot's name. A worker that leaves takes none: what it wrote since the
        last is bounded, and read in the time that copying and writing all of its state would take.
        """
        if wait(self._under_way, LEAVING_S).not_done:
            log.warning(
                "the snapshot under way did not end within %g s: the disk of LAM_STATE_DIR, or the broker, does not "
                "answer; this worker leaves without it, and a restart reads more of the log",
                LEAVING_S,
            )

    @property
    def _under_way(self) -> list[Future[Any]]:
        return [one[-1] for one in (self._asking, self._writing) if one is not None and not one[-1].done()]

    def _due(self, partitions: list[Partition], now: float) -> Partition | None:
        """The partition with the most records since its last snapshot, among those that are due."""
        self._taken = {one: self._taken.get(one, _Taken(0, now)) for one in partitions}
        if self._failed_at is not None and now - self._failed_at < RETRY_S:
            return None
        since = {one: one.logged_records - taken.records for one, taken in self._taken.items() if not one.changed}
        due = [one for one, records in since.items() if is_due(records, _keys(one), now - self._taken[one].at)]
        return max(due, key=since.__getitem__, default=None)

    def _ask(self, partition: Partition) -> _Asked | None:
        limit = self._settings.request_timeout_s
        topics = {name: self._settings.prefix + changelog_name(name) for name in partition.states}
        try:
            admin = self._admin = self._admin or admin_client(self._settings)
            if self._place is None:
                cluster = admin.describe_cluster(request_timeout=limit).result().cluster_id
                self._place = snapshot.folder(self._settings, str(cluster))
                snapshot.remove_stale(self._place)
            at, ids = time.time(), topic_ids(admin, topics.values(), limit)
            ends = stable_ends(admin, [TopicPartition(topic, partition.number) for topic in topics.values()], limit)
        except Exception as problem:  # as in `_write`
            self._tell(f"where {', '.join(topics.values())} end is not told: {problem}")
            return None
        number = partition.number
        stand = {name: LogPosition(topic, ids[topic], ends[(topic, number)]) for name, topic in topics.items()}
        return _Asked(at, self._place, stand)

    def _copy(self, partition: Partition, asked: _Asked) -> None:
        with self._meter.stage("snapshot"):
            blocks = {name: state.block() for name, state in partition.states.items()}
        head = Head(
            partition.group.name,
            partition.number,
            asked.at,
            partition.watermark,
            {} if partition.sources is None else partition.sources.sources,
            asked.changelogs,
        )
        before = self._taken.get(partition, _Taken(0, 0.0))
        self._taken[partition] = _Taken(partition.logged_records, time.monotonic())
        path = snapshot.path_of(asked.place, head.group, head.partition)
        self._writing = partition, before, on_daemon_thread(THREAD, partial(self._write, path, head, blocks))

    def _write(self, path: Path, head: Head, blocks: dict[str, pa.RecordBatch]) -> bool:
        # Whatever happens here, the stream goes on: all a snapshot is good for is a faster restart.
        try:
            size = snapshot.write(path, head, blocks)
        except Exception as problem:
            self._meter.snapshot("failed")
            self._tell(
                f"{path} cannot be written: {problem}; the stream goes on, and a restart reads more of the log. Give "
                "LAM_STATE_DIR a folder with room that this worker may write"
            )
            return False
        self._meter.snapshot("written", size)
        if self._failed_at is not None:
            log.info("%s: snapshots are written again", path)
            self._failed_at = self._told = None
        return True

    def _tell(self, problem: str) -> None:
        """Say once what is wrong, and wait a while."""
        self._failed_at = time.monotonic()
        if self._told is None:
            log.warning("no snapshots for now: %s", problem)
        self._told = problem


def is_due(records: int, keys: int, seconds: float) -> bool:
    """Whether a snapshot is due after that many changelog records, and that long, since the last.

    As many records as there are keys cost a restore about what the snapshot itself costs it.
    """
    return records > max(LEAST_RECORDS, keys) or (records > 0 and seconds >= EVERY_S)


def _keys(partition: Partition) -> int:
    return sum(len(state) for state in partition.states.values())
