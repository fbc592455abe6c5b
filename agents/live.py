"""Live sessions: events fold into visits, visits are scored and decided on, decisions are rewarded."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.app import app
from agents.knowledge import minds
from models.behaviour.columns import event_columns
from models.behaviour.fold import Batch
from models.behaviour.layout import SESSION_LAYOUT
from models.live.buckets import visitor_buckets
from models.live.turn import Source, Turn
from topics.state.column import ColumnState
from topics.transport.batch import RecordBatch, Unit

sessions = app.column_state(SESSION_LAYOUT)


@app.agent(app.group("live"))
async def live(batches: AsyncIterable[RecordBatch]) -> None:
    """Fold what came and decide on it, then let time pass for every visit that waits for it."""
    async for batch in batches:
        with batch.unit() as unit:
            visits = sessions.of(batch)
            events = events_of(batch, visits)
            source = Source(batch.topic, batch.partition.number, batch.watermark)
            turn = Turn(minds, visits.rows, visits.keys_of, source)
            turn.take(events)
            turn.pass_time(visits.due(batch.watermark))
            visits.release(turn.freed())
            send(turn, unit)


def events_of(batch: RecordBatch, visits: ColumnState) -> Batch:
    """The events of a batch, each with the row of its session."""
    index = visits.row_numbers(batch.columns["session_id"])
    columns = event_columns(batch.columns, batch.event_time, batch.arrival, batch.watermarks)
    buckets = visitor_buckets(visits.rows, index, batch.columns, columns, minds.draws, minds.config)
    return Batch(index, columns, buckets)


def send(turn: Turn, unit: Unit) -> None:
    """Send and count what a turn came to."""
    turn.finish()
    for topic, records in turn.records.items():
        unit.send_all(topic, records)
    for (name, labels), amount in turn.counts.items():
        unit.count(name, amount, **dict(labels))
