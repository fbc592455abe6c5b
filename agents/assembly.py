"""Assembly: what was made, who saw it and when it was retired become a container's training tuple, in revisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterable, Iterator, Mapping
from typing import Any

from agents.app import app
from agents.states import CONTAINERS
from models.assembly.config import SECOND_MS, AssemblyConfig
from models.assembly.container import due_at, on_activity, on_mutation, on_time, on_tombstone
from models.assembly.parents import ParentStats
from models.assembly.records import site_deltas
from models.assembly.state import Container
from topics.state.record import RecordState
from topics.transport.batch import RecordBatch, Unit

containers = app.record_state(*CONTAINERS)
config = AssemblyConfig(
    lateness_ms=round(app.settings.lateness_s * SECOND_MS),
    activity_interval_ms=round(app.settings.activity_interval_s * SECOND_MS),
)
parents = ParentStats()
app.global_state("container-stats", parents.apply)


@app.agent(app.group("assembly"))
async def assembly(batches: AsyncIterable[RecordBatch]) -> None:
    """Take what came, then let time pass for every container that waits for it."""
    async for batch in batches:
        with batch.unit() as unit:
            known = containers.of(batch)
            take(known, batch)
            tuples = list(pass_time(known, batch.watermark, unit))
            for delta in site_deltas(tuples, batch.partition.number, batch.watermark):
                unit.send("site-delta", delta)


def take(known: RecordState, batch: RecordBatch) -> None:
    """Put every record of the batch into its container."""
    records = batch.columns.to_pylist(maps_as_pydicts="strict")
    rows: defaultdict[str, list[int]] = defaultdict(list)
    for row, record in enumerate(records):
        rows[record["container_id"]].append(row)
    for container_id, own in rows.items():
        container = find(known, container_id)
        for row in own:
            container = taken(container, batch, row, records[row])
        keep(known, container_id, container)


def taken(container: Container | None, batch: RecordBatch, row: int, record: dict[str, Any]) -> Container | None:
    """The container with one record, of whichever topic the batch is."""
    if batch.topic == "mutation":
        return on_mutation(container, record, int(batch.event_time[row]))
    if batch.topic == "tombstone":
        return on_tombstone(container, record, int(batch.event_time[row]))
    return on_activity(container, record, batch.watermark)


def pass_time(known: RecordState, watermark: int, unit: Unit) -> Iterator[dict[str, Any]]:
    """Send what the watermark makes due, and tell the tuples among it."""
    for container_id in known.due(watermark):
        container = find(known, container_id)
        if container is None:
            continue
        passed, effects = on_time(container, watermark, parents.of(container.parent_id), config)
        keep(known, container_id, passed)
        if effects.stats is not None:
            unit.send("container-stats", effects.stats)
        if effects.tuple_revision is not None:
            unit.send("training-tuple", effects.tuple_revision)
            unit.count("tuples", revision=kind(effects.tuple_revision))
            yield effects.tuple_revision


def kind(made: Mapping[str, Any]) -> str:
    """Which revision of a tuple it is: first, amended or final."""
    if made["final"]:
        return "final"
    return "first" if made["revision"] == 1 else "amended"


def find(known: RecordState, container_id: str) -> Container | None:
    """The container as it was kept, or None."""
    record = known.get(container_id)
    return None if record is None else Container.of(record)


def keep(known: RecordState, container_id: str, container: Container | None) -> None:
    """Keep the container as it is now; None forgets it."""
    if container is None:
        known.delete(container_id)
    else:
        known.put(container_id, container.record(due_at(container, config)))
