"""Rebuilding partitions' states: from a local snapshot where one holds, and from the changelogs behind it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa

from topics.consuming import AWAY_PAUSE_S, Record, TopicNumber, asking_often
from topics.errors import ChangelogAway, RestoreFailed, SnapshotUnusable
from topics.faults import Point, reach
from topics.log_end import LogExtent, ask_changelogs, read_all
from topics.settings import Settings
from topics.source_clock import SOURCE_KEY_PREFIX
from topics.state import snapshot
from topics.state.base import LAYOUT_KEY_PREFIX, RESERVED, PartitionedState
from topics.watermark import BEFORE_ALL

log = logging.getLogger(__name__)

WATERMARK_KEY = RESERVED + "watermark"
"""Changelog key of the partition's watermark."""

BEHIND_RESERVED = "\x01"
"""The least text that does not begin with RESERVED."""

SNAPSHOTS_AT_ONCE = 2
"""Reading, checking and decompressing leave Python's one thread free, and each takes the memory of a partition."""

Told = Literal["read", "discarded"]


@dataclass
class Restored:
    """What a restore read: the watermark that was committed with the states, those of sources, and how many records."""

    watermark: int = BEFORE_ALL
    sources: dict[str, int] = field(default_factory=dict)
    records: int = 0


@dataclass
class Progress:
    """How far a restore has come, for other threads: changelog records, those to read being an upper bound."""

    began: float = field(default_factory=time.monotonic)
    to_read: int = 0
    left: int = 0
    read: int = 0

    def rate(self, now: float) -> float:
        """Records a second since it began."""
        return self.read / max(now - self.began, 1e-3)


@dataclass(eq=False)
class Restore:
    """A partition to be restored into its empty `states`, each from the topic that `changelogs` names for it.

    `fresh` makes another empty state of a name; `has_offsets`: whether the group has committed offsets that build on
    what the states held, and `built_on` the ids of the changelogs as those offsets name them; `gone`: whether the
    partition was taken away meanwhile.
    """

    group: str
    partition: int
    changelogs: Mapping[str, str]
    states: dict[str, PartitionedState]
    fresh: Callable[[str], PartitionedState]
    has_offsets: bool
    built_on: Mapping[str, str]
    gone: Callable[[], bool]
    progress: Progress = field(default_factory=Progress)
    restored: Restored = field(default_factory=Restored)
    topic_ids: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> list[TopicNumber]:
        """The partitions of its changelogs."""
        return [(topic, self.partition) for topic in self.changelogs.values()]

    def empty(self) -> None:
        """Begin again with nothing."""
        self.restored = Restored()
        self.states.update({name: self.fresh(name) for name in self.states})

    def take(self, state: str, records: list[Record]) -> None:
        """Take records of a state's changelog, in order. Raises RestoreFailed for one that cannot be read."""
        self.progress.read += len(records)
        self.restored.records += len(records)
        # The last record of a key is all that counts, and keys recur: fewer of them are decoded.
        last = {record.key() or b"": record.value() for record in records}
        values = dict(zip(map(bytes.decode, last), last.values(), strict=True))
        for key in [key for key in values if key < BEHIND_RESERVED and not key.startswith(LAYOUT_KEY_PREFIX)]:
            _take_time(key, values.pop(key), self.restored)
        self.states[state].load(list(values), list(values.values()))


class _Reading(NamedTuple):
    """A changelog that is read for a restore, from `position` on."""

    restore: Restore
    state: str
    position: int


def restore_all(settings: Settings, restores: list[Restore], tell: Callable[[Told], None]) -> Iterator[Restore]:
    """Restore partitions together, each yielded when its states are whole; those that are gone are left out.

    `tell` hears of each snapshot that was read, or found and discarded. Raises RestoreFailed where a changelog is
    missing, has lost records, or holds what cannot be read; StreamStopped where it cannot be read. Waits for brokers
    that are away.
    """
    logs = _logs(settings, restores)
    readings: dict[TopicNumber, _Reading] = {}
    with ThreadPoolExecutor(SNAPSHOTS_AT_ONCE, "lamstream-restore") as pool:
        for one, begins in zip(
            restores, pool.map(lambda one: _begins(settings, one, logs, tell), restores), strict=True
        ):
            if one.gone():
                continue
            for name, topic in one.changelogs.items():
                end = logs[(topic, one.partition)].end
                if begins[name] < end:
                    readings[(topic, one.partition)] = _Reading(one, name, begins[name])
                    one.progress.left += end - begins[name]
            one.progress.to_read, one.progress.began = one.progress.left, time.monotonic()
            if not one.progress.left:
                yield _whole(one)
    yield from _read(settings, readings, {where: one.end for where, one in logs.items()})


def _logs(settings: Settings, restores: list[Restore]) -> dict[TopicNumber, LogExtent]:
    """How the changelogs stand; of none where all partitions are gone before a broker tells."""
    while not all(one.gone() for one in restores):
        try:
            return ask_changelogs(asking_often(settings), [where for one in restores for where in one.where])
        except ChangelogAway as away:
            log.warning("%s; asking again", away)
            time.sleep(AWAY_PAUSE_S)
    return {}


def _read(
    settings: Settings, readings: dict[TopicNumber, _Reading], ends: Mapping[TopicNumber, int]
) -> Iterator[Restore]:
    began = {where: reading.position for where, reading in readings.items()}
    for where, records, position in read_all(settings, began, {where: ends[where] for where in began}):
        reading = readings.get(where)
        if reading is not None and not reading.restore.gone():
            one = reading.restore
            if records:
                one.take(reading.state, records)
                reach(Point.RESTORE)
            one.progress.left -= min(position, ends[where]) - reading.position
            readings[where] = reading._replace(position=min(position, ends[where]))
            if position >= ends[where]:
                del readings[where]
                if not any(other in readings for other in one.where):
                    yield _whole(one)
        if all(reading.restore.gone() for reading in readings.values()):
            return


def _whole(one: Restore) -> Restore:
    log.info(
        "%s[%d]: restored %d keys, the last %d changelog records read in %.1f s",
        one.group,
        one.partition,
        sum(len(state) for state in one.states.values()),
        one.restored.records,
        time.monotonic() - one.progress.began,
    )
    return one


def _begins(
    settings: Settings, one: Restore, logs: Mapping[TopicNumber, LogExtent], tell: Callable[[Told], None]
) -> dict[str, int]:
    """Where to read each state's changelog from: behind the snapshot where one holds, which is then loaded."""
    if one.gone():
        return {}
    one.topic_ids = {topic: logs[(topic, one.partition)].topic_id for topic in one.changelogs.values()}
    _refuse_made_anew(one)
    if settings.exactly_once and one.where:
        place = snapshot.folder(settings, logs[one.where[0]].cluster_id)
        path = snapshot.path_of(place, one.group, one.partition)
        try:
            begins = _load(path, one, logs)
            tell("read")
            return begins
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (SnapshotUnusable, RestoreFailed, OSError, pa.ArrowException) as problem:
            log.warning("%s: discarded, and rebuilt from the log: %s", path, problem)
            tell("discarded")
            one.empty()
            with contextlib.suppress(OSError):
                path.unlink()
    for where in one.where:
        if one.has_offsets and logs[where].first > 0:
            raise RestoreFailed(
                f"{where[0]}[{where[1]}]: it begins at offset {logs[where].first}, expected 0 as there is no snapshot "
                "to begin with: records of state are gone (kafka-delete-records, or a cleanup.policy with delete; "
                "compaction does not move the beginning), and the group's committed offsets build on them. Bring the "
                "topic back from a copy; or delete it and the group's offsets, run `lam topics apply`, and begin with "
                "empty state"
            )
    return {name: logs[(topic, one.partition)].first for name, topic in one.changelogs.items()}


def _refuse_made_anew(one: Restore) -> None:
    for topic, found in one.topic_ids.items():
        expected = one.built_on.get(topic, found)
        if found != expected:
            raise RestoreFailed(
                f"{topic}: its id is {found}, and the group's offsets of partition {one.partition} build on rows that "
                f"were in a topic of this name with id {expected}: it was deleted and made anew, its state is gone. "
                "`lam offsets reset TOPIC --to ...` sets the group's offsets to where to go on without it"
            )


def _load(path: Path, one: Restore, logs: Mapping[TopicNumber, LogExtent]) -> dict[str, int]:
    stored = snapshot.read(path)
    head = stored.head
    snapshot.refuse_aged(head, time.time())
    expected = {name: (topic, logs[(topic, one.partition)]) for name, topic in one.changelogs.items()}
    found = (head.group, head.partition, sorted(head.changelogs))
    if found != (one.group, one.partition, sorted(expected)):
        raise SnapshotUnusable(f"it is of {found}, expected {(one.group, one.partition, sorted(expected))}")
    for name, (topic, of) in expected.items():
        _refuse_other_log(head.changelogs[name], topic, of)
    reach(Point.SNAPSHOT_READ)
    for name, state in one.states.items():
        state.load_block(stored.block(name))
    one.restored.watermark, one.restored.sources = head.watermark, dict(head.sources)
    log.info("%s: read %d keys", path, sum(len(state) for state in one.states.values()))
    return {name: place.offset for name, place in head.changelogs.items()}


def _refuse_other_log(stands: snapshot.LogPosition, topic: str, of: LogExtent) -> None:
    if (stands.topic, stands.topic_id) != (topic, of.topic_id):
        raise SnapshotUnusable(
            f"it is of the topic {stands.topic} with id {stands.topic_id}, found {topic} with id {of.topic_id}: it was "
            "made anew"
        )
    if not of.first <= stands.offset <= of.end:
        raise SnapshotUnusable(f"it stands at offset {stands.offset} of {topic}, which has {of.first} to {of.end}")


def _take_time(key: str, value: bytes | None, restored: Restored) -> None:
    # A key that is deleted says that the state was emptied: time begins anew with it.
    if key == WATERMARK_KEY:
        restored.watermark = int(value) if value else BEFORE_ALL
    elif key.startswith(SOURCE_KEY_PREFIX):
        source = key.removeprefix(SOURCE_KEY_PREFIX)
        if value:
            restored.sources[source] = int(value)
        else:
            restored.sources.pop(source, None)
