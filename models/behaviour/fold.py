"""Folding events into session rows: rows and columns in, changed rows and effects out (`docs/fold.md`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.behaviour.columns import SITE_DTYPE, EventColumns
from models.behaviour.config import FoldConfig
from models.behaviour.effects import Effects, room_for
from models.behaviour.event import EVENT_DTYPE
from models.behaviour.kernel import fold_records, pass_rows
from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT, text_bytes
from models.behaviour.visit import FREE

Rows = npt.NDArray[np.void]
Index = npt.NDArray[np.int64]

_BLANK = SESSION_LAYOUT.blank.view(KERNEL_DTYPE)
_NO_SITES = np.zeros(0, SITE_DTYPE)
_NO_HASHES = np.zeros(0, np.uint64)


class EvaluationColumns(NamedTuple):
    """The e interventions emitted, in order; all arrays are `[e]`."""

    row: Index
    """int64: row of the session."""
    visit_ms: npt.NDArray[np.int64]
    """int64: start of the visit, ms since the epoch."""
    now_ms: npt.NDArray[np.int64]
    """int64: moment of the evaluation, ms since the epoch."""
    tier: npt.NDArray[np.uint8]
    """uint8: place in TIERS."""
    composite: npt.NDArray[np.float64]
    """float64, 0-100, as are the five signals."""
    intent: npt.NDArray[np.float64]
    friction: npt.NDArray[np.float64]
    clarity: npt.NDArray[np.float64]
    receptivity: npt.NDArray[np.float64]
    value: npt.NDArray[np.float64]
    friction_code: npt.NDArray[np.int8]
    """int8: place in FRICTIONS, -1 for none."""
    trigger: npt.NDArray[np.uint8]
    """uint8: place in TRIGGERS."""
    site_id: npt.NDArray[np.bytes_]
    """S40: the visit's site, UTF-8."""


class FiredColumns(NamedTuple):
    """The f timers fired, in order; all arrays are `[f]`."""

    row: Index
    """int64: row of the session."""
    visit_ms: npt.NDArray[np.int64]
    """int64: start of the visit, ms since the epoch."""
    timer: npt.NDArray[np.uint8]
    """uint8: place in TIMERS."""
    deadline_ms: npt.NDArray[np.int64]
    """int64: ms since the epoch."""
    post_session: npt.NDArray[np.bool_]
    """bool: due at or after the end of the visit."""


class Folded(NamedTuple):
    """What a call did beside changing rows."""

    closed: Rows
    """SESSION_LAYOUT.dtype[c]: the visits closed, as they stood, in order of closing."""
    closed_session: Index
    """int64[c]: the row each was in."""
    evaluations: EvaluationColumns
    fired: FiredColumns
    sites: npt.NDArray[np.bytes_]
    """S40[s]: the sites counted for, UTF-8: those of the batch, then any other that a visit began on."""
    counts: npt.NDArray[np.int64]
    """int64[s, 6]: records by site and outcome, in the order of `effects.COUNTS`."""
    freed: Index
    """int64[k]: the given rows that hold no visit after the call, rising; they are blank."""


def fold(rows: Rows, index: Index, events: EventColumns, config: FoldConfig) -> Folded:
    """Fold the records of a batch, in order, into their sessions' rows.

    `rows` are of SESSION_LAYOUT, blank where new; `index` is `int64[n]`, the row of each event's session. Writes only
    `rows[index]`. Visits of the partition without a record here are left to `pass_time`. Raises ValueError where the
    lengths differ or the layout is another.
    """
    if index.size != events.time.size:
        raise ValueError(f"expected a row for each of {events.time.size} events, found {index.size}")
    effects = _room(rows, index.size, events.sites, events.site_hashes)
    fold_records(
        rows.view(KERNEL_DTYPE),
        index,
        # A text dtype would send the whole tuple down the slow way of Numba's dispatch.
        events._replace(sites=text_bytes(events.sites)),
        np.empty(1, EVENT_DTYPE),
        _BLANK,
        config.limits,
        effects.as_bytes(),
    )
    return _folded(rows, index, effects)


def pass_time(rows: Rows, due: Index, watermark: int, config: FoldConfig) -> Folded:
    """What the watermark, ms since the epoch, means for the visits in `rows[due]`; writes only these.

    `due` is `int64[k]`; rows that hold no visit, or want no attention yet, are left alone. Raises ValueError where
    the layout is another.
    """
    effects = _room(rows, due.size, _NO_SITES, _NO_HASHES)
    pass_rows(rows.view(KERNEL_DTYPE), due, watermark, _BLANK, config.limits, effects.as_bytes())
    return _folded(rows, due, effects)


def _room(rows: Rows, steps: int, sites: npt.NDArray[np.bytes_], hashes: npt.NDArray[np.uint64]) -> Effects:
    if rows.dtype != SESSION_LAYOUT.dtype:
        raise ValueError(f"expected rows of layout {SESSION_LAYOUT.name!r}, found {rows.dtype}")
    return room_for(steps, sites, hashes)


def _folded(rows: Rows, touched: Index, effects: Effects) -> Folded:
    filled = effects.cut()
    return Folded(
        closed=filled.closed,
        closed_session=filled.closed_row,
        evaluations=EvaluationColumns(*(filled.emitted[name] for name in EvaluationColumns._fields)),
        fired=FiredColumns(*(filled.fired[name] for name in FiredColumns._fields)),
        sites=filled.sites,
        counts=filled.counts,
        freed=_distinct(touched[rows["due_ms"][touched] == FREE]),
    )


def _distinct(index: Index) -> Index:
    """The different places of an index, rising; `np.unique` takes many times as long."""
    rising = np.sort(index)
    distinct: Index = rising[np.diff(rising, prepend=-1) != 0]
    return distinct
