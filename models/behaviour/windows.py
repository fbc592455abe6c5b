"""Tumbling windows of 10 s: counts in the newest six, scroll bursts, and the bot flag."""

from __future__ import annotations

from models.behaviour.bounds import BOUNDS, COUNT_MAX, SMALL_COUNT_MAX
from models.behaviour.codes import SCROLL_COLUMN, WINDOW_COLUMN
from models.behaviour.config import Limits
from models.jit import Record, njit

_WINDOW_MS = BOUNDS.window_ms
_WINDOWS = BOUNDS.windows


@njit
def fold_windows(row: Record, event: Record, limits: Limits) -> None:
    """Count the event in its window, which it opens where it is newer than the newest."""
    number = event.time // _WINDOW_MS
    if row.events == 0:
        row.window = number
    elif number > row.window:
        _open(row, number)
    back = row.window - number
    if back == 0:
        row.window_events = min(row.window_events + 1, COUNT_MAX)
        if row.window_events > limits.bot_threshold:
            row.bot = 1
    column = WINDOW_COLUMN[event.type]
    if back < _WINDOWS and column >= 0:
        count = min(row.windows[back, column] + 1, SMALL_COUNT_MAX)
        row.windows[back, column] = count
        if column == SCROLL_COLUMN and count == BOUNDS.scroll_burst:
            row.scroll_bursts += 1


@njit
def _open(row: Record, number: int) -> None:
    shift = min(number - row.window, _WINDOWS)
    for k in range(_WINDOWS - 1, -1, -1):
        for column in range(row.windows.shape[1]):
            row.windows[k, column] = row.windows[k - shift, column] if k >= shift else 0
    row.window = number
    row.window_events = 0
