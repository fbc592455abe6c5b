"""The Faust app: one agent, one table, one event at a time, at least once."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import AsyncIterable
from typing import Any, cast

import fastavro
import faust
from faust.serializers import codecs
from faust.tables import Table

from bench.load import schema_json, single_object_header
from bench.peers.stock_faust.codec import VisitCodec
from bench.subjects import CAUSE_HEADER, INPUT
from bench.topics import PARTITIONS
from tests.reference.fold import PartitionFold
from tests.reference.visit import Visit

PREFIX = os.environ["LAM_PREFIX"]
HEADER = single_object_header(schema_json())
SCHEMA = fastavro.parse_schema(schema_json())
LOOK_EVERY_MS = 1_000  # of the watermark: how often timers and closings are looked for

codecs.register("visit", VisitCodec())

app = faust.App(
    f"{PREFIX}stock-faust",
    broker=f"kafka://{os.environ['LAM_BROKER']}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="stock-faust-"),
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    cython_optimizations=True,
    producer_compression_type="zstd",
    producer_linger=0.05,
    broker_commit_interval=1.0,
    producer_max_batch_size=500_000,
    web_enabled=False,
)
events = app.topic(PREFIX + INPUT, key_type=bytes, key_serializer="raw", value_type=bytes, value_serializer="raw")
interventions = app.topic(f"{PREFIX}stock-faust-intervention", key_serializer="raw", value_serializer="json")
visits = cast("Table[bytes, Visit]", app.Table("visits", key_type=bytes, partitions=PARTITIONS))
visits.value_serializer = "visit"  # a table takes its codec from a type, and a visit is no Faust model


class TableFold(PartitionFold):
    """The fold of one partition, its visits kept in the table."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = 0

    def adopt(self, visit: Visit) -> None:
        """Take in a visit that the table brought back from its changelog."""
        visit.queued = float("inf")
        self.live[visit.session_id] = visit
        self._enqueue(visit)

    def look(self) -> None:
        """Let timers fire and visits close, now and then."""
        if self.watermark is not None and self.watermark >= self.looked_at + LOOK_EVERY_MS:
            self.looked_at = self.watermark
            self.end_of_batch()

    def changed(self, session_id: str) -> set[str]:
        """The sessions touched since the last call: that of the event, and those that timers or closings touched."""
        touched = {session_id, *(t.session_id for t in self.timers), *(v.session_id for v in self.closed)}
        self.timers.clear()
        self.closed.clear()
        return touched


folds: dict[int, TableFold] = {}


def decode(value: bytes) -> dict[str, Any]:
    """A framed Avro record."""
    if not value.startswith(HEADER):
        raise ValueError(f"not a session event: begins with {value[:10].hex()}")
    payload = io.BytesIO(memoryview(value)[len(HEADER) :])
    return cast("dict[str, Any]", fastavro.schemaless_reader(payload, SCHEMA))


def keep(fold: TableFold, session_id: str) -> None:
    """Write the visit to the table, and so to its changelog; remove it where it is over."""
    key = session_id.encode()
    visit = fold.live.get(session_id)
    if visit is not None:
        visits[key] = visit
    else:
        visits.pop(key, None)


@app.agent(events)
async def live(stream: AsyncIterable[Any]) -> None:
    async for record in stream.events():  # type: ignore[attr-defined]
        message = record.message
        event = decode(record.value)
        fold = folds.get(message.partition)
        if fold is None:
            fold = folds[message.partition] = TableFold()
        session_id: str = event["session_id"]
        if session_id not in fold.live and (visit := visits.get(session_id.encode())) is not None:
            fold.adopt(visit)
        timestamp = round(message.timestamp * 1000)
        fold.record(event, timestamp)
        fold.look()
        for touched in fold.changed(session_id):
            keep(fold, touched)
        for intervention in fold.interventions:
            interventions.send_soon(
                key=intervention["session_id"].encode(),
                value=intervention,
                headers={CAUSE_HEADER: str(timestamp).encode()},
            )
        fold.interventions.clear()


@app.on_partitions_revoked.connect
async def forget(*_: Any, **__: Any) -> None:
    """Visits come back from the table of whoever gets their partition."""
    folds.clear()
