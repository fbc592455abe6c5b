"""What follows a decision: the window of its reward, folded event by event (DOMAIN 6)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.behaviour.bounds import COUNT_MAX, SMALL_COUNT_MAX
from models.behaviour.codes import INTERVENTION_DISMISSED, INTERVENTION_SHOWN
from models.behaviour.config import MINUTE_MS, Limits
from models.behaviour.hashing import NULL
from models.jit import Record, njit
from schemas.vocabulary import symbols


class OutcomeBounds(NamedTuple):
    """window_ms: how long after a decision its reward is gathered, unless the visit ends or decides again (given)."""

    window_ms: int = 10 * MINUTE_MS


OUTCOME = OutcomeBounds()
_FIRE = symbols("decision", "result").index("fire") + 1
"""`open_result` of a decision that showed something."""


@njit
def fold_outcome(row: Record, event: Record, another_page: bool, orders: int) -> None:
    """Add the event to the open reward where its time lies in the window; `orders` is how many it began.

    What the page itself tells of a fire has no like after a no_op, so that it says nothing of what the visitor did.
    """
    if row.decisions == 0 or event.type == INTERVENTION_SHOWN:
        return
    after_ms = event.time - row.start_ms - row.open_at
    if not row.open_result or after_ms > OUTCOME.window_ms:
        row.late_conversions = min(row.late_conversions + orders, SMALL_COUNT_MAX)
        return
    if after_ms <= 0:
        return
    row.open_events += 1
    row.open_last = max(row.open_last, after_ms)
    row.open_pages = min(row.open_pages + another_page, COUNT_MAX)
    if orders:
        row.open_converted = 1
    if event.type == INTERVENTION_DISMISSED and _is_of_the_open(row, event):
        row.open_dismissed = 1
    if not np.isnan(event.dwell_s):
        row.open_dwell_s = np.float64(row.open_dwell_s) + event.dwell_s
    if not np.isnan(event.scroll_depth):
        row.open_scroll = max(np.float64(row.open_scroll), event.scroll_depth)


@njit
def _is_of_the_open(row: Record, event: Record) -> bool:
    """Whether the open decision showed the intervention that the event belongs to; without an id, what is open."""
    named: bool = event.intervention == np.uint64(NULL) or event.intervention == row.open_id
    return row.open_result == _FIRE and named


@njit
def window_ends(row: Record) -> int:
    """Event time at which the open window ends by itself, ms since the epoch."""
    decided_ms: int = row.start_ms + row.open_at
    return decided_ms + OUTCOME.window_ms


@njit
def outcome_due(row: Record, limits: Limits) -> int:
    """The watermark at which nothing can join the open window any more, ms since the epoch.

    Timers wait their slack and may decide inside the window, events their lateness.
    """
    return window_ends(row) + max(limits.lateness_ms, limits.timer_slack_ms)
