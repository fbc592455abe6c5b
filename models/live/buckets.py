"""Where visitors stand for the holdout: one draw each, kept by the visit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.ava.draws import Draws
from models.behaviour.columns import EventColumns
from models.behaviour.config import FoldConfig


def visitor_buckets(
    rows: npt.NDArray[np.void],
    index: npt.NDArray[np.int64],
    columns: pa.RecordBatch,
    events: EventColumns,
    draws: Draws,
    config: FoldConfig,
) -> npt.NDArray[np.uint16]:
    """`uint16[n]`: the place among 10,000, plus 1, of the visitor of each of n session events.

    `index` is the row of each event's session, `columns` the events as decoded, `events` as the fold takes them. The
    visitor of the event that begins a visit decides, the session where that names none. Draws are dear: an event of a
    visit that surely goes on has the visit's.
    """
    buckets: npt.NDArray[np.uint16] = rows["bucket"][index]
    undrawn = np.flatnonzero((buckets == 0) | _may_end(rows, index, events, config))
    if not undrawn.size:
        return buckets
    at = pa.array(undrawn)
    sites, sessions, visitors = (columns[name].take(at).to_pylist() for name in ("site_id", "session_id", "visitor_id"))
    who = [visitor or session for visitor, session in zip(visitors, sessions, strict=True)]
    drawn = {one: draws.bucket(*one) + 1 for one in set(zip(sites, who, strict=True))}
    buckets[undrawn] = [drawn[one] for one in zip(sites, who, strict=True)]
    return buckets


def _may_end(
    rows: npt.NDArray[np.void], index: npt.NDArray[np.int64], events: EventColumns, config: FoldConfig
) -> npt.NDArray[np.bool_]:
    """`bool[n]`: the visit of the event's session may end within the batch, by time or for want of consent."""
    newest_ms = max(events.time.max(initial=0), events.watermark.max(initial=0))
    age_ms = newest_ms - rows["start_ms"][index]
    by_time = (age_ms - rows["last"][index] >= config.gap_ms) | (age_ms >= config.longest_ms)
    ends: npt.NDArray[np.bool_] = by_time | np.isin(index, index[events.analytics == 0])
    return ends
