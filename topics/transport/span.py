"""A span: everything that happens between two commits, and the records that make it permanent."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from topics.state.restore import WATERMARK_KEY
from topics.table import changelog_name
from topics.transport.assignment import Partition
from topics.transport.outbox import Outbox, Outgoing, changelog_records


@dataclass
class Span:
    """What waits for the next commit. `since` is when (monotonic) the first of it happened."""

    outbox: Outbox = field(default_factory=Outbox)
    progressed: bool = False
    since: float = 0.0

    def progress(self) -> None:
        """Something happened that a commit must make permanent."""
        if not self.progressed:
            self.progressed, self.since = True, time.monotonic()

    def records(self, prefix: str, partitions: Iterable[Partition]) -> dict[str, list[Outgoing]]:
        """Outputs and changelog entries, by full topic name."""
        records = {prefix + topic: waiting for topic, waiting in self.outbox.records.items()}
        for partition in partitions:
            for name, entries in _changelogs(partition):
                partition.logged_records += len(entries)
                if entries:
                    records.setdefault(prefix + changelog_name(name), []).extend(entries)
        return records


def _changelogs(partition: Partition) -> Iterable[tuple[str, list[Outgoing]]]:
    for position, (name, state) in enumerate(partition.states.items()):
        entries = changelog_records(*state.changes(), partition.number)
        if position == 0:
            entries += _time(partition)
        yield name, entries


def _time(partition: Partition) -> Iterable[Outgoing]:
    if partition.sources is not None:
        yield from changelog_records(*partition.sources.changes(), partition.number)
    if partition.watermark != partition.logged_watermark:
        yield Outgoing(WATERMARK_KEY, b"%d" % partition.watermark, None, partition.number)
