"""What workers keep, read from the changelogs as a committed reader: keys, sizes, and rows or records by field name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any, NamedTuple

import numpy as np

from agents.states import LAYOUTS
from schemas.store import SchemaStore
from topics.clients import admin_client
from topics.errors import ConfigurationError, TopicMismatch
from topics.log_end import read_to_end
from topics.partition_counts import counts_on_broker
from topics.published_schemas import add_published
from topics.settings import Settings
from topics.state.base import RESERVED
from topics.state.column import ColumnState
from topics.state.declared import empty_state
from topics.state.restore import WATERMARK_KEY
from topics.table import changelog_name

MS = 1000
TIME_SUFFIXES = ("_ms", "_at")
FIRST_TIME_MS = 1_000_000_000_000
"""September 2001: smaller numbers in a field of that name are durations or zeros."""
LAST_TIME_MS = 100_000_000_000_000
"""The year 5138: what is greater stands for never."""

Fields = dict[str, Any]


class ChangelogSize(NamedTuple):
    """One partition of a state's changelog.

    `keys` it holds, our own not counted; `log_records` that compaction has left, deletions included; `log_bytes` of
    their keys and values; `watermark` in ms since the epoch, None where the changelog keeps none.
    """

    state: str
    partition: int
    keys: int
    log_records: int
    log_bytes: int
    watermark: int | None


class Entry(NamedTuple):
    """A key of a state, and its row or record by field name."""

    partition: int
    key: str
    fields: Fields


def sizes(settings: Settings, state: str) -> Iterator[ChangelogSize]:
    """The size of every partition of a state's changelog. Values are not looked into: any layout will do.

    Raises ConfigurationError for a state that agents do not keep, TopicMismatch where its changelog is missing.
    """
    topic, partitions = _changelog(settings, state)
    for partition in range(partitions):
        newest: dict[str, bytes] = {}
        count = size = 0
        for records in read_to_end(settings, topic, partition):
            for record in records:
                key, value = (record.key() or b"").decode(), record.value()
                count, size = count + 1, size + len(key) + len(value or b"")
                if value is None:
                    newest.pop(key, None)
                elif key == WATERMARK_KEY or not key.startswith(RESERVED):
                    newest[key] = value if key == WATERMARK_KEY else b""
        watermark = newest.pop(WATERMARK_KEY, None)
        yield ChangelogSize(state, partition, len(newest), count, size, None if watermark is None else int(watermark))


def entries(settings: Settings, state: str, key: str | None = None) -> Iterator[Entry]:
    """Every key of a state with its fields, or the one asked for, partition by partition.

    Raises RestoreFailed where a value has a layout or schema that is not known here, and as `sizes`.
    """
    topic, partitions = _changelog(settings, state)
    store = SchemaStore()
    add_published(store, settings)
    for partition in range(partitions):
        newest: dict[str, bytes | None] = {}
        for records in read_to_end(settings, topic, partition):
            newest.update(((record.key() or b"").decode(), record.value()) for record in records)
        chosen = {
            one: value
            for one, value in newest.items()
            if value is not None and not one.startswith(RESERVED) and key in (None, one)
        }
        held = empty_state(LAYOUTS[state], store)
        held.load(list(chosen), list(chosen.values()))
        for one in held:
            yield Entry(partition, one, _fields(held, one))


def readable(fields: Fields) -> Fields:
    """The fields with times as ISO 8601, by the names and sizes of their numbers."""
    return {name: _readable(name, value) for name, value in fields.items()}


def _changelog(settings: Settings, state: str) -> tuple[str, int]:
    if state not in LAYOUTS:
        raise ConfigurationError(f"found no state {state!r}; expected one of {', '.join(LAYOUTS)}")
    topic = settings.prefix + changelog_name(state)
    partitions = counts_on_broker(admin_client(settings), settings).get(topic)
    if partitions is None:
        raise TopicMismatch(f"topic {topic} does not exist; `lam topics apply` creates it")
    return topic, partitions


def _fields(held: Any, key: str) -> Fields:
    if not isinstance(held, ColumnState):
        record: Fields = held.get(key)
        return record
    row = held.find(key)
    if row is None:
        raise LookupError(f"key {key!r} was loaded a moment ago")
    return {name: _plain(row[name][0]) for name in row.dtype.names or ()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return value.item()


def _readable(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        return readable(value)
    if isinstance(value, list):
        return [_readable(name, one) for one in value]
    is_time = isinstance(value, int) and name.endswith(TIME_SUFFIXES) and FIRST_TIME_MS <= value < LAST_TIME_MS
    return datetime.fromtimestamp(value / MS, timezone.utc).isoformat(timespec="milliseconds") if is_time else value
