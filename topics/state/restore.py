"""Rebuilding a partition's states from their changelogs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from topics.consuming import Record
from topics.log_end import read_to_end
from topics.settings import Settings
from topics.source_clock import SOURCE_KEY_PREFIX
from topics.state.base import LAYOUT_KEY_PREFIX, RESERVED, PartitionedState
from topics.watermark import BEFORE_ALL

log = logging.getLogger(__name__)

WATERMARK_KEY = RESERVED + "watermark"
"""Changelog key of the partition's watermark."""


@dataclass
class Restored:
    """What a restore read: the watermark that was committed with the states, those of sources, and how many records."""

    watermark: int = BEFORE_ALL
    sources: dict[str, int] = field(default_factory=dict)
    records: int = 0


def restore(
    settings: Settings,
    partition: int,
    changelogs: dict[str, str],
    states: dict[str, PartitionedState],
    stopping: Callable[[], bool],
) -> Restored:
    """Read each state's changelog (`changelogs`: state -> topic) to its end into the given empty states.

    Raises RestoreFailed where a changelog is missing or holds what cannot be read.
    """
    restored = Restored()
    began = time.monotonic()
    for name, topic in changelogs.items():
        for records in read_to_end(settings, topic, partition, stopping):
            _take(records, states[name], restored)
    seconds = time.monotonic() - began
    log.info(
        "partition %d: restored %d keys from %d changelog records in %.1f s",
        partition,
        sum(len(state) for state in states.values()),
        restored.records,
        seconds,
    )
    return restored


def _take(records: list[Record], state: PartitionedState, restored: Restored) -> None:
    restored.records += len(records)
    # The last record of a key is all that counts, and keys recur: fewer of them are decoded.
    last = {record.key() or b"": record.value() for record in records}
    values = dict(zip(map(bytes.decode, last), last.values(), strict=True))
    for key in [key for key in values if key.startswith(RESERVED) and not key.startswith(LAYOUT_KEY_PREFIX)]:
        _take_time(key, values.pop(key), restored)
    state.load(list(values), list(values.values()))


def _take_time(key: str, value: bytes | None, restored: Restored) -> None:
    if value and key == WATERMARK_KEY:
        restored.watermark = max(restored.watermark, int(value))
    elif value and key.startswith(SOURCE_KEY_PREFIX):
        restored.sources[key.removeprefix(SOURCE_KEY_PREFIX)] = int(value)
