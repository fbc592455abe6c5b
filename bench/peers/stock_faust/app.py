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
from bench.peers.stock_faust.deciding import Decider, Past, remember
from bench.peers.stock_faust.records import Writer, decision_record, intervention_record
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
decisions = app.topic(f"{PREFIX}stock-faust-decision", key_serializer="raw", value_serializer="raw")
interventions = app.topic(f"{PREFIX}stock-faust-intervention", key_serializer="raw", value_serializer="raw")
visits = cast("Table[bytes, Visit]", app.Table("visits", key_type=bytes, partitions=PARTITIONS))
visits.value_serializer = "visit"  # a table takes its codec from a type, and a visit is no Faust model
pasts = cast("Table[bytes, Past]", app.Table("pasts", key_type=bytes, partitions=PARTITIONS))
pasts.value_serializer = "visit"
decider = Decider(os.environ["LAM_MASTER_KEY"].encode())
write_decision, write_intervention = Writer("decision"), Writer("intervention")


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

    def touched(self) -> dict[str, tuple[int, str | None]]:
        """The sessions that timers or closings touched since the last call, each with its last timer and when."""
        found: dict[str, tuple[int, str | None]] = {v.session_id: (v.last, None) for v in self.closed}
        found |= {t.session_id: (t.deadline, t.name) for t in self.timers}
        self.timers.clear()
        self.closed.clear()
        return found


folds: dict[int, TableFold] = {}


def decode(value: bytes) -> dict[str, Any]:
    """A framed Avro record."""
    if not value.startswith(HEADER):
        raise ValueError(f"not a session event: begins with {value[:10].hex()}")
    payload = io.BytesIO(memoryview(value)[len(HEADER) :])
    return cast("dict[str, Any]", fastavro.schemaless_reader(payload, SCHEMA))


def keep(fold: TableFold, session_id: str) -> Visit | None:
    """Write the visit to the table, and so to its changelog; remove it where it is over."""
    key = session_id.encode()
    visit = fold.live.get(session_id)
    if visit is not None:
        visits[key] = visit
    else:
        visits.pop(key, None)
        if key in pasts:
            pasts.pop(key, None)
    return visit


def evaluate(visit: Visit, now_ms: int, timer: str | None, timestamp: int) -> None:
    """Score and decide, tell what is to be told, and remember what was concluded."""
    key = visit.session_id.encode()
    past = pasts.get(key)
    if past is None or past.visit_started_at != visit.start:
        past = Past(visit.start)
    decision = decider.decide(visit, past, now_ms)
    if decision is None:
        return
    record = decision_record(visit, past, decision, timer)
    decisions.send_soon(key=key, value=write_decision(record))
    if decision.result == "suppress":
        return
    remember(past, decision)
    pasts[key] = past
    if decision.result == "fire":
        interventions.send_soon(
            key=key,
            value=write_intervention(intervention_record(record, decision)),
            headers={CAUSE_HEADER: str(timestamp).encode()},
        )


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
        for other, (at_ms, timer) in fold.touched().items():
            visit = keep(fold, other) if other != session_id else fold.live.get(other)
            if visit is not None and timer is not None and may_decide(visit):
                evaluate(visit, at_ms, timer, timestamp)
        visit = keep(fold, session_id)
        if visit is not None and may_decide(visit):
            evaluate(visit, visit.last, None, timestamp)


def may_decide(visit: Visit) -> bool:
    """Whether its visitor agreed to personalization and is a person."""
    return visit.personalization and not visit.windows.bot


@app.on_partitions_revoked.connect
async def forget(*_: Any, **__: Any) -> None:
    """Visits come back from the table of whoever gets their partition."""
    folds.clear()
