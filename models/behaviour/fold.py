"""Folding events into session rows: rows and columns in, changed rows and effects out (`docs/fold.md`).

A call stops for a visit whose timer fired, and hands back what waits for it, since a decision may follow before the
next record counts: evaluate what fired and `waits`, clear `pending`, and call again with what is waiting, until nothing
is.
"""

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
from models.behaviour.visit import FOLDED, FREE

Rows = npt.NDArray[np.void]
Index = npt.NDArray[np.int64]

_BLANK = SESSION_LAYOUT.blank.view(KERNEL_DTYPE)
_NO_SITES = np.zeros(0, SITE_DTYPE)
_NO_HASHES = np.zeros(0, np.uint64)


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
    waits: npt.NDArray[np.bool_]
    """bool: the row is pending for it; at most one of a row, the last. Before it, the same call may have fired timers
    that want no evaluation, without consent or of a visit that is closed by now."""


class Folded(NamedTuple):
    """What a call did beside changing rows."""

    closed: Rows
    """SESSION_LAYOUT.dtype[c]: the visits closed, as they stood, in order of closing."""
    closed_session: Index
    """int64[c]: the row each was in."""
    fired: FiredColumns
    outcomes: npt.NDArray[np.void]
    """effects.OUTCOME_DTYPE[o]: what followed decisions whose window ended."""
    sites: npt.NDArray[np.bytes_]
    """S40[s]: the sites counted for, UTF-8: those of the batch, then any other that a visit began on."""
    counts: npt.NDArray[np.int64]
    """int64[s, 6]: records by site and outcome, in the order of `effects.COUNTS`."""
    waiting: Index
    """int64[w]: what is to be done once the pending rows are evaluated: records of the batch for `fold`, rows for
    `pass_time`."""


class Batch:
    """The records of a batch on their way into their sessions' rows.

    `index` is `int64[n]`, the row of each event's session; `buckets` is `uint16[n]`, the place among 10,000, plus 1, of
    each event's visitor, kept by the visit that it begins; 0 without. Raises ValueError where the lengths differ.
    """

    def __init__(self, index: Index, events: EventColumns, buckets: npt.NDArray[np.uint16] | None = None) -> None:
        if index.size != events.time.size:
            raise ValueError(f"expected a row for each of {events.time.size} events, found {index.size}")
        self._buckets = np.zeros(index.size, np.uint16) if buckets is None else buckets
        self.index = index
        self.waiting: Index = np.arange(index.size)
        self._sites = events.sites
        # A text dtype would send the whole tuple down the slow way of Numba's dispatch.
        self._events = events._replace(sites=text_bytes(events.sites), containers=text_bytes(events.containers))
        self._progress = np.zeros(index.size, np.uint8)

    def fold(self, rows: Rows, config: FoldConfig) -> Folded:
        """Fold what waits, in order, as far as it goes.

        `rows` are of SESSION_LAYOUT, blank where new; writes only `rows[index]`. Visits of the partition without a
        record here are left to `pass_time`. Raises ValueError where the layout is another.
        """
        effects = _room(rows, self.waiting.size, self._sites, self._events.site_hashes)
        held = fold_records(
            rows.view(KERNEL_DTYPE),
            self.index,
            self._buckets,
            self._events,
            self.waiting,
            self._progress,
            np.empty(1, EVENT_DTYPE),
            _BLANK,
            config.limits,
            effects.as_bytes(),
        )
        self.waiting = self.waiting[:held].copy()
        return _folded(effects, self.waiting)

    def changed(self, rows: Rows) -> Index:
        """`int64[k]`: the rows that hold a live visit into which an event of this batch was folded, rising."""
        changed = _distinct(self.index[self._progress == FOLDED])
        live: Index = changed[rows["due_ms"][changed] != FREE]
        return live


def pass_time(rows: Rows, due: Index, watermark: int, config: FoldConfig) -> Folded:
    """What the watermark, ms since the epoch, means for the visits in `rows[due]`; writes only these.

    `due` is `int64[k]`; rows that hold no visit, or want no attention yet, are left alone. Raises ValueError where
    the layout is another.
    """
    effects = _room(rows, due.size, _NO_SITES, _NO_HASHES)
    waiting = due.copy()
    held = pass_rows(rows.view(KERNEL_DTYPE), waiting, watermark, _BLANK, config.limits, effects.as_bytes())
    return _folded(effects, waiting[:held])


def free_rows(rows: Rows, touched: Index) -> Index:
    """`int64[k]`: those of `rows[touched]` that hold no visit, rising."""
    return _distinct(touched[rows["due_ms"][touched] == FREE])


def _room(rows: Rows, steps: int, sites: npt.NDArray[np.bytes_], hashes: npt.NDArray[np.uint64]) -> Effects:
    if rows.dtype != SESSION_LAYOUT.dtype:
        raise ValueError(f"expected rows of layout {SESSION_LAYOUT.name!r}, found {rows.dtype}")
    return room_for(steps, sites, hashes)


def _folded(effects: Effects, waiting: Index) -> Folded:
    filled = effects.cut()
    return Folded(
        closed=filled.closed,
        closed_session=filled.closed_row,
        fired=FiredColumns(*(filled.fired[name] for name in FiredColumns._fields)),
        outcomes=filled.outcomes,
        sites=filled.sites,
        counts=filled.counts,
        waiting=waiting,
    )


def _distinct(index: Index) -> Index:
    """The different places of an index, rising; `np.unique` takes many times as long."""
    rising = np.sort(index)
    distinct: Index = rising[np.diff(rising, prepend=-1) != 0]
    return distinct
