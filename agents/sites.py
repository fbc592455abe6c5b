"""Sums of sites: site deltas add up, and how far a site has come is told where it changed materially."""

from __future__ import annotations

from collections.abc import AsyncIterable

from agents.app import app
from agents.states import SITE_SUMS
from models.sites.deltas import summed
from models.sites.stage import grown, new_state
from topics.state.record import RecordState
from topics.transport.batch import RecordBatch, Unit

sums_of_sites = app.record_state(*SITE_SUMS)


@app.agent(app.group("sites"))
async def sites(batches: AsyncIterable[RecordBatch]) -> None:
    """Add up what came."""
    async for batch in batches:
        with batch.unit() as unit:
            add(sums_of_sites.of(batch), batch, unit)


def add(known: RecordState, batch: RecordBatch, unit: Unit) -> None:
    """Add a batch to its sites, each a record of its own, and tell those with news."""
    sums = summed(batch.columns)
    for place, site in enumerate(sums.site_id):
        after = grown(known.get(site) or new_state(site), sums, place)
        known.put(site, after.state)
        if after.stage is not None:
            unit.send("site-stage", after.stage)
