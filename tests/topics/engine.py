"""A whole engine in the test's process: a Faust app whose agents count events, on either broker."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID

from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.row_layout import Column, RowLayout
from schemas.store import SchemaStore
from tests.kafka import Broker, unique
from topics.admin import apply
from topics.clients import group_observer, reader
from topics.consuming import Record, everywhere, take
from topics.embedded import PARTITIONS, make_topics
from topics.log_end import read_to_end
from topics.settings import Guarantee, Settings, load_settings
from topics.state.column import ColumnState
from topics.table import TOPICS
from topics.transport.app import StateHandle, StreamApp
from topics.transport.batch import RecordBatch, Unit

LIMIT_S = 60.0

COUNTS = RowLayout(
    "session",
    (Column("due_ms", "<i8", "Never due."), Column("events", "<i8", "Events counted.")),
    "due_ms",
)

SUMS = RowLayout("sums", COUNTS.columns, "due_ms")

Body = Callable[["Engine", RecordBatch, Unit], Awaitable[None]]


def engine_settings(broker: Broker, **overrides: Any) -> Settings:
    """Settings of a worker under test, with topics under a prefix of its own, created where that is possible."""
    guarantee = Guarantee.EXACTLY_ONCE if broker.transactional else Guarantee.AT_LEAST_ONCE
    defaults: dict[str, Any] = {
        "broker": broker.bootstrap,
        "prefix": unique("t") + "-",
        "worker_id": "worker-0",
        "guarantee": guarantee,
        "partitions": PARTITIONS,
        # The embedded broker has a group wait for its other members nearly as long, whenever a worker comes back.
        "session_timeout_s": 6 if broker.transactional else 3,
        "tick_s": 0.2,
        "batch_timeout_s": 20,
    }
    settings = load_settings(**(defaults | overrides))
    prepare(broker, settings)
    return settings


def prepare(broker: Broker, settings: Settings) -> None:
    """Make the topics: by the table on a real broker; the embedded one makes a topic when it is asked for."""
    if broker.transactional:
        apply(settings)
    else:
        make_topics(settings)


async def count(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
    """Count each session's events, and send the size of every batch that has any."""
    state = engine.counts.of(batch)
    if len(batch):
        numbers = state.row_numbers(batch.columns.column("session_id"))
        np.add.at(state.rows["events"], numbers, 1)
        state.rows["due_ms"][numbers] = 2**62
        unit.send("site-delta", delta(batch, len(batch)))


def delta(batch: RecordBatch, folded: int) -> dict[str, Any]:
    """A site-delta that says how many events a batch had."""
    zeros = ("visits", "converted_visits", "orders", "order_lines", "late", "duplicate", "undecided", "capped")
    return {
        "site_id": "shop",
        "source_topic": batch.topic,
        "source_partition": batch.partition.number,
        "watermark": batch.watermark,
        "folded": folded,
        "unconsented": 0,
        **dict.fromkeys(zeros, 0),
    }


@dataclass
class Engine:
    """A running app. `batches` counts those of session events that took effect; `records` the records by group."""

    app: StreamApp
    counts: StateHandle[ColumnState]
    sums: StateHandle[ColumnState]
    batches: int = 0
    ticks: int = 0
    records: Counter[str] = field(default_factory=Counter)
    filled: Counter[str] = field(default_factory=Counter)
    """Batches with records, by group."""
    watermarks: dict[int, int] = field(default_factory=dict)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seen(self) -> int:
        """Session events that took effect."""
        return self.records["live"]

    def note(self, batch: RecordBatch) -> None:
        group = batch.partition.group.name
        self.batches += bool(len(batch)) and group == "live"
        self.records[group] += len(batch)
        self.filled[group] += bool(len(batch))
        self.ticks += not len(batch)
        self._change.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a batch makes the condition true; a stream that stops instead raises its reason."""
        deadline = time.monotonic() + 2 * LIMIT_S
        while not condition():
            assert time.monotonic() < deadline, f"batches came for {2 * LIMIT_S} s and did not make it true"
            self._change.clear()
            ended = asyncio.ensure_future(self.app.stream_consumer.ended())
            changed = asyncio.ensure_future(self._change.wait())
            await asyncio.wait([ended, changed], timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
            assert changed.done() or ended.done(), f"no batch in {LIMIT_S} s"
            if ended.done() and not condition():
                raise AssertionError(f"the stream ended early: {self.app.stream_consumer.crash_reason!r}")
            changed.cancel()
            ended.cancel()

    async def failure(self) -> BaseException:
        """Wait until the stream stops by itself, and return why."""
        await asyncio.wait_for(self.app.stream_consumer.ended(), LIMIT_S)
        reason = self.app.stream_consumer.crash_reason
        assert reason is not None
        return reason

    @property
    def partitions(self) -> int:
        """Partitions of this worker whose state is whole."""
        return len(self.app.stream_consumer.partitions.in_use())

    def states(self, name: str = "session", column: str = "events") -> dict[str, int]:
        """What a column of a state counted under each key, over all partitions of this worker."""
        counted: dict[str, int] = {}
        for partition in self.app.stream_consumer.partitions.in_use():
            state: Any = partition.states.get(name, ())
            for key in state:
                row = state.find(key)
                counted[key] = int(row[column][0])
        return counted


@asynccontextmanager
async def running(
    settings: Settings,
    body: Body | None = count,
    prepare_app: Callable[[StreamApp], None] = lambda app: None,
    layout: RowLayout = COUNTS,
    **further: Body,
) -> AsyncIterator[Engine]:
    """An app whose agent of group live, if any, handles each batch with `body`; `further` groups have one each.

    It is started once its first partitions came.
    """
    engine = declared(settings, body, prepare_app, layout, **further)
    await asyncio.wait_for(engine.app.start(), 2 * LIMIT_S)
    try:
        yield engine
    finally:
        await engine.app.stop()


def declared(
    settings: Settings,
    body: Body | None = count,
    prepare_app: Callable[[StreamApp], None] = lambda app: None,
    layout: RowLayout = COUNTS,
    **further: Body,
) -> Engine:
    """The same app before it starts; `layout` is that of the state of group live."""
    app = StreamApp(settings)
    engine = Engine(app, app.column_state(layout), app.column_state(SUMS))
    prepare_app(app)
    for group, of_group in {"live": body, **further}.items():
        if of_group is None:
            continue
        app.agent(app.group(group), name=f"tests.{group}")(_handling(engine, of_group))
    return engine


def _handling(engine: Engine, body: Body) -> Callable[[Any], Awaitable[None]]:
    async def handle(batches: Any) -> None:
        async for batch in batches:
            with batch.unit() as unit:
                await body(engine, batch, unit)
                engine.note(batch)

    return handle


def committed_records(settings: Settings, topic: str, expected: int) -> list[dict[str, Any]]:
    """The first `expected` committed records of a topic, decoded; fails where they do not come."""
    spec = TOPICS[topic]
    assert spec.record is not None
    client = reader(settings)
    name = settings.prefix + topic
    client.assign(everywhere(client, name, OFFSET_BEGINNING, LIMIT_S))
    values: list[bytes | None] = []
    try:
        while len(values) < expected:
            records = take(client, 100, LIMIT_S).records
            values += [value for record in records if (value := record.value()) is not None]
    finally:
        client.close()
    decoded: list[dict[str, Any]] = Decoder(record_type(spec.record), SchemaStore()).decode(values).batch.to_pylist()
    return decoded


def whole_topic(settings: Settings, topic: str) -> list[Record]:
    """Every committed record of a topic, also of a transaction whose markers are late."""
    name = settings.prefix + topic
    return [
        record
        for number in range(PARTITIONS if TOPICS[topic].partitions is None else 1)
        for records in read_to_end(settings, name, number)
        for record in records
    ]


def group_offsets(settings: Settings, group: str, topic: str) -> dict[int, int]:
    """The group's committed offsets on a topic, by partition; partitions without one are left out."""
    client = group_observer(settings, group)
    name = settings.prefix + topic
    offsets = client.committed(everywhere(client, name, OFFSET_INVALID, LIMIT_S), timeout=LIMIT_S)
    client.close()
    return {tp.partition: tp.offset for tp in offsets if tp.offset >= 0}
