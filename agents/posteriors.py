"""Posteriors of arms: reward deltas add up, and what is known of each arm they touch is told."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.app import app
from models.bandit.deltas import POSTERIOR_LAYOUT, merge, summed
from models.bandit.deltas import posteriors as records
from topics.state.column import ColumnState
from topics.transport.batch import RecordBatch, Unit

arms = app.column_state(POSTERIOR_LAYOUT)


@app.agent(app.group("posteriors"))
async def posteriors(batches: AsyncIterable[RecordBatch]) -> None:
    """Learn what came."""
    async for batch in batches:
        with batch.unit() as unit:
            learn(arms.of(batch), batch, unit)


def learn(known: ColumnState, batch: RecordBatch, unit: Unit) -> None:
    """Add a batch to its arms, and tell each of them once."""
    sums = summed(batch.columns)
    rows = known.row_numbers(sums.arm_id)
    merge(known.rows, rows, sums)
    for record in records(sums.arm_id.to_pylist(), known.rows[rows]):
        unit.send("arm-posterior", record)
