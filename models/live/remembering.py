"""What the row of a visit remembers of decisions: the history that gates ask for, and the open reward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.actions import ACTION_CODE, ACTIVE, NUDGE
from models.ava.deciding import Conclusion
from models.ava.history import HISTORY_DTYPE, NEVER_S, HistoryColumns, remember
from models.behaviour.config import SECOND_MS, FoldConfig
from models.behaviour.effects import OUTCOME_DTYPE, as_kernel_outcomes
from models.behaviour.hashing import hash_column
from models.behaviour.kernel import cut_windows, settle
from models.behaviour.layout import KERNEL_DTYPE
from models.live.rewarding import RESULT_CODE

Index = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]

_LAST = (
    ("since_any_s", "decisions", "decided_at"),
    ("since_active_s", "actives", "active_at"),
    ("since_nudge_s", "nudges", "nudge_at"),
)
"""Of each time in a history: which count of the row says that it happened, and which offset when."""


def history(rows: Rows, index: Index, now_ms: Index) -> npt.NDArray[np.void]:
    """HISTORY_DTYPE[n] of the visits in `rows[index]`, each at its moment `now_ms`, int64[n], ms since the epoch."""
    past = np.empty(index.size, HISTORY_DTYPE)
    for name, column in (("decisions", "decisions"), ("loud", "loud"), ("active", "actives"), ("nudge", "nudges")):
        past[name] = rows[column][index]
    for name in ("handled", "raised"):
        past[name] = rows[name][index]
    age_ms = now_ms - rows["start_ms"][index]
    for name, count, at in _LAST:
        since_s = np.maximum(age_ms - rows[at][index], 0) / SECOND_MS
        past[name] = np.where(rows[count][index] > 0, since_s, NEVER_S)
    return past


def end_windows(rows: Rows, index: Index, now_ms: Index) -> npt.NDArray[np.void]:
    """End the open rewards of the visits in `rows[index]`, which decide again at `now_ms`: OUTCOME_DTYPE[o]."""
    outcomes = np.empty(index.size, OUTCOME_DTYPE)
    ended = cut_windows(rows.view(KERNEL_DTYPE), index, now_ms, as_kernel_outcomes(outcomes))
    return outcomes[:ended]


def remember_conclusions(rows: Rows, index: Index, now_ms: Index, conclusions: Sequence[Conclusion]) -> None:
    """Add the conclusions to the history of their visits, which `rows[index]` hold by evaluation."""
    columns = HistoryColumns(*(rows[name] for name in ("decisions", "loud", "actives", "nudges", "handled", "raised")))
    remember(columns, index, conclusions)
    for conclusion in conclusions:
        row = index[conclusion.evaluation]
        at = now_ms[conclusion.evaluation] - rows["start_ms"][row]
        rows["decided_at"][row] = at
        if conclusion.tier == ACTIVE:
            rows["active_at"][row] = at
        if conclusion.tier == NUDGE:
            rows["nudge_at"][row] = at


def open_windows(
    rows: Rows, index: Index, now_ms: Index, conclusions: Sequence[Conclusion], ids: Sequence[str], config: FoldConfig
) -> None:
    """Begin to gather the reward of each conclusion; `ids` are those of their decisions."""
    concluded = np.array([one.evaluation for one in conclusions], np.int64)
    opened = index[concluded]
    rows["open_id"][opened] = hash_column(pa.array(ids, pa.string()))
    rows["open_result"][opened] = [RESULT_CODE[one.result] + 1 for one in conclusions]
    rows["open_propensity"][opened] = [one.propensity for one in conclusions]
    rows["open_action"][opened] = [ACTION_CODE[one.action] for one in conclusions]
    rows["open_tier"][opened] = [one.tier for one in conclusions]
    rows["open_friction"][opened] = [one.friction for one in conclusions]
    rows["open_at"][opened] = now_ms[concluded] - rows["start_ms"][opened]
    for gathered in ("converted", "dismissed", "pages", "last", "events", "dwell_s", "scroll"):
        rows[f"open_{gathered}"][opened] = 0
    settle(rows.view(KERNEL_DTYPE), index, config.limits)
