"""Session rows that look like live ones: visits of the standard job's shop, folded as a worker folds them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench.journeys import EVENTS_A_JOURNEY, journey
from models.behaviour.columns import event_columns
from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch
from models.behaviour.layout import SESSION_LAYOUT
from schemas.record_type import record_type
from topics.watermark import BEFORE_ALL, running_watermarks

EVENT_SCHEMA = record_type("session-event").arrow_schema
VISITS_AT_ONCE = 250
MEAN_EVENTS = 40
"""Of a visit when its row is taken; the longest has EVENTS_A_JOURNEY."""
EVENT_EVERY_MS = 4_000
START_MS = 1_750_000_000_000
SPREAD_MS = 900_000
"""Over which visits begin."""

Rows = npt.NDArray[np.void]


def session_rows(count: int, seed: int) -> Rows:
    """`SESSION_LAYOUT.dtype[count]`: live visits, each of its own journey, length, times and ids.

    Only what rules and rewards write (decisions, the open window) stays blank: few visits have any.
    """
    rng = np.random.default_rng(seed)
    parts = [
        _folded(min(VISITS_AT_ONCE, count - first), rng, seed * 1_000_003 + first)
        for first in range(0, count, VISITS_AT_ONCE)
    ]
    return np.concatenate(parts)


def _folded(count: int, rng: np.random.Generator, seed: int) -> Rows:
    lengths = np.minimum(rng.geometric(1 / MEAN_EVENTS, count), EVENTS_A_JOURNEY)
    events = [event for visit in range(count) for event in _visit(rng, visit, seed + visit, int(lengths[visit]))]
    columns = pa.RecordBatch.from_pylist(events, schema=EVENT_SCHEMA)
    times = np.array([event["occurred_at"] for event in events], np.int64)
    marks = running_watermarks(times, times, BEFORE_ALL)
    rows = np.repeat(SESSION_LAYOUT.blank, count)
    index = np.repeat(np.arange(count), lengths)
    # A watermark of its own each, or the visits before would be late to the one that began last.
    marks = np.minimum(marks, times)
    Batch(index, event_columns(columns, times, times, marks)).fold(rows, FoldConfig())
    return rows


def _visit(rng: np.random.Generator, visit: int, seed: int, length: int) -> list[dict[str, object]]:
    start = START_MS + int(rng.integers(SPREAD_MS))
    gaps = rng.exponential(EVENT_EVERY_MS, length).astype(np.int64).cumsum()
    ids = rng.bytes(16 * length).hex()
    return [
        {
            **dict.fromkeys(EVENT_SCHEMA.names),
            **event,
            "event_id": ids[32 * number : 32 * number + 32],
            "session_id": f"s{visit}",
            "seq": number,
            "occurred_at": start + int(gaps[number]),
            "sent_at": start + int(gaps[number]),
            "attributes": [],
        }
        for number, event in enumerate(journey(seed, length))
    ]
