"""Live sessions: every event folds into its visit; what follows leaves as interventions and sums of sites."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.app import app
from models.behaviour.columns import event_columns
from models.behaviour.config import FoldConfig
from models.behaviour.fold import Folded, fold, pass_time
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.records import interventions, site_deltas
from topics.state.column import ColumnState
from topics.transport.batch import RecordBatch, Unit

sessions = app.column_state(SESSION_LAYOUT)
config = FoldConfig(
    lateness_ms=int(app.settings.lateness_s * 1000),
    timer_slack_ms=int(app.settings.timer_slack_s * 1000),
)


@app.agent(app.group("live"))
async def live(batches: AsyncIterable[RecordBatch]) -> None:
    """Fold what came, then let time pass for every visit that waits for it."""
    async for batch in batches:
        with batch.unit() as unit:
            visits = sessions.of(batch)
            events = event_columns(batch.columns, batch.event_time, batch.arrival, batch.watermarks)
            rows = visits.row_numbers(batch.columns["session_id"])
            folded = fold(visits.rows, rows, events, config)
            conclude(unit, visits, folded)
            due = visits.due(batch.watermark)
            passed = pass_time(visits.rows, due, batch.watermark, config)
            conclude(unit, visits, passed)
            for delta in site_deltas((folded, passed), batch.topic, batch.partition.number, batch.watermark):
                unit.send("site-delta", delta)


def conclude(unit: Unit, visits: ColumnState, folded: Folded) -> None:
    """Send the interventions, and give back the rows of visits that ended."""
    for intervention in interventions(folded, visits.keys_of(folded.evaluations.row)):
        unit.send("intervention", intervention)
    visits.release(folded.freed)
