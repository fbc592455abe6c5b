"""Clicks of frustration: rage, dead and error clicks."""

from __future__ import annotations

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import CLICK, JS_ERROR
from models.behaviour.hashing import NULL
from models.jit import Record, njit


@njit
def fold_clicks(row: Record, event: Record, offset: int, another_page: bool) -> None:
    """Judge the event, `offset` ms after the visit's start, before it is counted as the last of its type."""
    if row.dead_click_last and another_page and offset - row.type_last[CLICK] <= BOUNDS.dead_click_ms:
        row.dead_clicks -= 1
    row.dead_click_last = 0
    if event.type == CLICK:
        row.click_errored = 0
        if event.interactive == 0:
            row.dead_clicks += 1
            row.dead_click_last = 1
        if event.target != NULL:
            _fold_row_of_clicks(row, event, offset)
    elif event.type == JS_ERROR and _blames_click(row, offset):
        row.error_clicks += 1
        row.click_errored = 1


@njit
def _blames_click(row: Record, offset: int) -> bool:
    if row.type_count[CLICK] == 0 or row.click_errored:
        return False
    return bool(0 <= offset - row.type_last[CLICK] <= BOUNDS.error_click_ms)


@njit
def _fold_row_of_clicks(row: Record, event: Record, offset: int) -> None:
    if row.click_target != event.target:
        row.click_target = event.target
        row.click_row = 0
        row.click_fast = 0
    row.click_row = min(row.click_row + 1, BOUNDS.rage_row)
    fast = row.click_row == BOUNDS.rage_row and 0 <= offset - row.click_before <= BOUNDS.rage_span_ms
    if fast and not row.click_fast:
        row.rage_clicks += 1
    row.click_fast = fast
    row.click_before = row.click_at
    row.click_at = offset
