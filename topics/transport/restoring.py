"""Restores that run beside the cycle: partitions become ready one by one, the others go on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from topics.errors import RestoreFailed
from topics.metrics import Meter
from topics.settings import Settings
from topics.state.restore import Restored, restore
from topics.table import changelog_name
from topics.transport.assignment import Partition, Status


class Restoring:
    """One restore at a time, on a thread of its own."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self._settings = settings
        self._meter = meter
        self._thread = ThreadPoolExecutor(1, "lamstream-restore")
        self._under_way: dict[Partition, asyncio.Future[Restored]] = {}

    def begin(self, partitions: Iterable[Partition]) -> None:
        """Restore those that need it and are not being restored."""
        for partition in partitions:
            if partition.status is Status.RESTORING and partition not in self._under_way:
                self._under_way[partition] = asyncio.get_running_loop().run_in_executor(
                    self._thread, self._restore, partition
                )

    def ready(self) -> list[Partition]:
        """Partitions whose restore ended since this was asked last; they are ready.

        Raises RestoreFailed where one failed.
        """
        done = [partition for partition, restored in self._under_way.items() if restored.done()]
        ready = []
        for partition in done:
            result = self._under_way.pop(partition)
            if partition.status is Status.RESTORING:
                restored = result.result()
                self.refuse_state_without_offsets(partition)
                partition.watermark = partition.logged_watermark = restored.watermark
                if partition.sources is not None:
                    partition.sources.load(restored.sources)
                partition.last_record = time.monotonic()
                partition.status = Status.READY
                ready.append(partition)
        return ready

    def refuse_state_without_offsets(self, partition: Partition) -> None:
        """Raises RestoreFailed for a partition that has state and no committed offset on any of its topics."""
        if not self._settings.exactly_once or not any(len(state) for state in partition.states.values()):
            return
        # A topic whose records never took effect has no position yet; with none on any topic, offsets are gone.
        if not partition.positions:
            raise RestoreFailed(
                f"partition {partition.number}: its changelog holds state, but the group has no committed offset on "
                f"{' or '.join(partition.topics)}: offsets expired or were deleted, or the changelog is another "
                "stream's. Reading from the beginning would count again what the state holds: `lam offsets reset "
                "TOPIC --to ...` sets the group's offsets, with --keep-state where the state stands there, else with "
                "--empty-state"
            )

    def stop(self) -> None:
        """End what is under way."""
        for partition in self._under_way:
            partition.status = Status.GONE
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _restore(self, partition: Partition) -> Restored:
        changelogs = {name: self._settings.prefix + changelog_name(name) for name in partition.states}
        began = time.monotonic()
        with self._meter.stage("restore"):
            restored = restore(
                self._settings,
                partition.number,
                changelogs,
                partition.states,
                lambda: partition.status is Status.GONE,
            )
        self._meter.restored(restored.records, time.monotonic() - began)
        return restored
