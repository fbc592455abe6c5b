"""The two loops: over the records of a batch, and over the visits that time has come for."""

from __future__ import annotations

from typing import Any

from models.behaviour.columns import EventColumns
from models.behaviour.config import Limits
from models.behaviour.effects import Effects, copy_outcome
from models.behaviour.event import load
from models.behaviour.outcome import window_ends
from models.behaviour.timers import set_due
from models.behaviour.visit import FREE, pass_time_by, take
from models.jit import njit


@njit
def fold_records(
    rows: Any,
    index: Any,
    buckets: Any,
    columns: EventColumns,
    waiting: Any,
    progress: Any,
    scratch: Any,
    blank: Any,
    limits: Limits,
    effects: Effects,
) -> int:
    """Fold the `waiting` records `i` of the columns into `rows[index[i]]`, in order.

    Those whose row is pending are moved to the front of `waiting`; returns how many. `progress[i]` says how far each
    record came, `buckets[i]` is where its visitor stands for the holdout, `scratch` is `EVENT_DTYPE[1]`.
    """
    event = scratch[0]
    held = 0
    for k in range(waiting.size):
        i = waiting[k]
        row = rows[index[i]]
        if not row.pending:
            load(columns, i, event)
            event.bucket = buckets[i]
            progress[i] = take(rows, index[i], event, progress[i], columns.containers, blank, limits, effects)
            if not row.pending:
                continue
        waiting[held] = i
        held += 1
    return held


@njit
def pass_rows(rows: Any, due: Any, watermark: int, blank: Any, limits: Limits, effects: Effects) -> int:
    """Let time pass for the live visits among `rows[due]`.

    Those left pending are moved to the front of `due`; returns how many.
    """
    held = 0
    for k in range(due.size):
        index = due[k]
        if rows[index].due_ms != FREE:
            pass_time_by(rows, index, watermark, blank, limits, effects)
            if rows[index].pending:
                due[held] = index
                held += 1
    return held


@njit
def cut_windows(rows: Any, index: Any, now_ms: Any, outcomes: Any) -> int:
    """End the open rewards of `rows[index]`, whose visits decide again at `now_ms`; returns how many there were.

    `outcomes` is OUTCOME_DTYPE[n], its texts as bytes.
    """
    ended = 0
    for k in range(index.size):
        row = rows[index[k]]
        if row.open_result:
            ends_ms = window_ends(row)
            copy_outcome(row, index[k], min(now_ms[k], ends_ms), now_ms[k] < ends_ms, outcomes[ended])
            ended += 1
    return ended


@njit
def settle(rows: Any, index: Any, limits: Limits) -> None:
    """Say anew when the live visits in `rows[index]` next want attention."""
    for k in range(index.size):
        if rows[index[k]].due_ms != FREE:
            set_due(rows[index[k]], limits)
