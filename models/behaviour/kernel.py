"""The two loops: over the records of a batch, and over the visits that time has come for."""

from __future__ import annotations

from typing import Any

from models.behaviour.columns import EventColumns
from models.behaviour.config import Limits
from models.behaviour.effects import Effects
from models.behaviour.event import load
from models.behaviour.visit import FREE, pass_visit_time, take
from models.jit import njit


@njit
def fold_records(
    rows: Any, index: Any, columns: EventColumns, scratch: Any, blank: Any, limits: Limits, effects: Effects
) -> None:
    """Fold record `i` of the columns into `rows[index[i]]`, for every `i` in order; `scratch` is `EVENT_DTYPE[1]`."""
    event = scratch[0]
    for i in range(index.size):
        load(columns, i, event)
        take(rows, index[i], event, blank, limits, effects)


@njit
def pass_rows(rows: Any, due: Any, watermark: int, blank: Any, limits: Limits, effects: Effects) -> None:
    """Let time pass for the live visits among `rows[due]`."""
    for k in range(due.size):
        if rows[due[k]].due_ms != FREE:
            pass_visit_time(rows, due[k], watermark, blank, limits, effects)
