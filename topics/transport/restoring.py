"""Restores that run beside the cycle: partitions become ready one by one, the others go on meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import NamedTuple

from topics.errors import RestoreFailed
from topics.faults import Point, reach
from topics.metrics import Meter
from topics.settings import Settings
from topics.state.restore import Progress, Restore, restore_all
from topics.table import changelog_name
from topics.transport.assignment import Partition, StateFactory, Status
from topics.watermark import BEFORE_ALL


class _Failed(NamedTuple):
    """What ended a run of restores."""

    error: BaseException
    restores: list[Restore]


class Restoring:
    """Partitions that come together are restored together, on a thread of their own."""

    def __init__(self, settings: Settings, meter: Meter, factories: Mapping[str, StateFactory]) -> None:
        self._settings = settings
        self._meter = meter
        self._factories = factories
        self._thread = ThreadPoolExecutor(1, "lamstream-restore")
        self._under_way: dict[Partition, Restore] = {}
        self._done: SimpleQueue[Restore | _Failed] = SimpleQueue()

    def begin(self, partitions: Iterable[Partition]) -> None:
        """Restore those that need it and are not being restored."""
        self._under_way = {one: restore for one, restore in self._under_way.items() if one.status is Status.RESTORING}
        waiting = [one for one in partitions if one.status is Status.RESTORING and one not in self._under_way]
        if waiting:
            restores = {partition: self._restore_of(partition) for partition in waiting}
            self._under_way |= restores
            self._thread.submit(self._run, list(restores.values()))

    def ready(self) -> list[Partition]:
        """Partitions whose restore ended since this was asked last; they are ready.

        Raises what a restore raised: RestoreFailed, StreamStopped.
        """
        done = set()
        while (one := self._next_done()) is not None:
            if isinstance(one, Restore):
                done.add(one)
            elif any(not restore.gone() for restore in one.restores):
                raise one.error
        ready = [partition for partition, restore in self._under_way.items() if restore in done]
        for partition in ready:
            self._take(partition, self._under_way.pop(partition))
        return ready

    def refuse_state_without_offsets(self, partition: Partition, watermark: int) -> None:
        """Raises RestoreFailed for a partition that has state and no committed offset on any of its topics; `watermark`
        is that of its changelogs: state may be empty because all of it ended.
        """
        held = watermark > BEFORE_ALL or any(len(state) for state in partition.states.values())
        if not self._settings.exactly_once or not held:
            return
        # A topic whose records never took effect has no position yet; with none on any topic, offsets are gone.
        if not partition.positions:
            raise RestoreFailed(
                f"partition {partition.number}: its changelog holds or held state, but the group has no committed "
                f"offset on {' or '.join(partition.topics)}: offsets expired or were deleted, or the changelog is "
                "another stream's. Reading from the beginning would count again what the state holds: `lam offsets "
                "reset TOPIC --to ...` sets the group's offsets, with --keep-state where the state stands there, else "
                "with --empty-state"
            )

    def stop(self) -> None:
        """End what is under way."""
        for partition in self._under_way:
            partition.status = Status.GONE
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _restore_of(self, partition: Partition) -> Restore:
        partition.progress = Progress()
        return Restore(
            group=partition.group.name,
            partition=partition.number,
            changelogs={name: self._settings.prefix + changelog_name(name) for name in partition.states},
            states=partition.states,
            fresh=lambda name: self._factories[name](),
            has_offsets=bool(partition.positions),
            built_on=partition.built_on,
            gone=lambda: partition.status is not Status.RESTORING,
            progress=partition.progress,
        )

    def _run(self, restores: list[Restore]) -> None:
        began = time.monotonic()
        try:
            with self._meter.stage("restore"):
                for one in restore_all(self._settings, restores, self._meter.snapshot):
                    self._meter.restored(one.restored.records, time.monotonic() - began)
                    self._done.put(one)
        except BaseException as error:
            self._done.put(_Failed(error, restores))

    def _next_done(self) -> Restore | _Failed | None:
        try:
            return self._done.get_nowait()
        except Empty:
            return None

    def _take(self, partition: Partition, restore: Restore) -> None:
        if partition.status is not Status.RESTORING:
            return
        restored = restore.restored
        self.refuse_state_without_offsets(partition, restored.watermark)
        partition.watermark = partition.logged_watermark = restored.watermark
        if partition.sources is not None:
            partition.sources.load(restored.sources)
        partition.last_record = time.monotonic()
        partition.changelog_ids = restore.topic_ids
        partition.logged_records, partition.progress = restored.records, None
        partition.status = Status.READY
        reach(Point.RESTORED)
