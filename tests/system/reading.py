"""Reading topics as any committed reader would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import OFFSET_BEGINNING

from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.row_layout import RowLayout
from schemas.store import SchemaStore
from topics.clients import reader
from topics.consuming import Record, everywhere, take
from topics.settings import Settings
from topics.state.column import ColumnState
from topics.state.restore import WATERMARK_KEY
from topics.table import TOPICS, changelog_name

LIMIT_S = 30.0
READ_AT_ONCE = 10_000


def records(settings: Settings, topic: str, fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every committed record of a topic of Avro records, partition by partition; those without value left out.

    `fields`: those wanted, where not all are.
    """
    messages = [message for of_one in read_topic(settings, topic).values() for message in of_one]
    return decoded(topic, [value for message in messages if (value := message.value()) is not None], fields)


def newest(settings: Settings, topic: str) -> dict[str, dict[str, Any]]:
    """The last committed record of each key."""
    values: dict[str, bytes] = {}
    for messages in read_topic(settings, topic).values():
        values |= {(message.key() or b"").decode(): message.value() or b"" for message in messages}
    return dict(zip(values, decoded(topic, list(values.values())), strict=True))


def decoded(topic: str, values: list[bytes], fields: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Records from their values, with the fields wanted or all of them. Fails where one cannot be read."""
    found = Decoder(record_type(str(TOPICS[topic].record)), SchemaStore()).decode(values)
    assert not found.bad, f"{topic}: {found.bad[:3]}"
    wanted = found.batch.select(list(fields)) if fields else found.batch
    rows: list[dict[str, Any]] = wanted.to_pylist(maps_as_pydicts="strict")
    return rows


def read_topic(settings: Settings, topic: str) -> dict[int, list[Record]]:
    """Every committed record of a topic now, by partition, in offset order."""
    return _read(settings, topic, lambda number: True)


def read_partition(settings: Settings, topic: str, number: int) -> list[Record]:
    """Every committed record of one partition now, in offset order."""
    return _read(settings, topic, lambda one: one == number)[number]


def state_in_log(settings: Settings, layout: RowLayout, number: int) -> ColumnState:
    """The state that a partition's changelog rebuilds now."""
    messages = read_partition(settings, changelog_name(layout.name), number)
    newest = {(message.key() or b"").decode(): message.value() for message in messages}
    newest.pop(WATERMARK_KEY, None)
    state = ColumnState(layout)
    state.load(list(newest), list(newest.values()))
    return state


def _read(settings: Settings, topic: str, wanted: Callable[[int], bool]) -> dict[int, list[Record]]:
    name = settings.prefix + topic
    client = reader(settings)
    targets = [one for one in everywhere(client, name, OFFSET_BEGINNING, LIMIT_S) if wanted(one.partition)]
    client.assign(targets)
    read: dict[int, list[Record]] = {target.partition: [] for target in targets}
    unread = set(read)
    while unread:
        records, ends = take(client, READ_AT_ONCE, LIMIT_S)
        assert records or ends, f"{name}: nothing more came for {sorted(unread)}"
        for record in records:
            read[record.partition()].append(record)
        unread -= {number for _, number in ends}
    client.close()
    return read
