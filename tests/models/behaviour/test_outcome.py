"""What follows a decision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch, Folded, pass_time
from models.behaviour.hashing import hash_column
from models.behaviour.kernel import settle
from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT
from tests.models.behaviour.events import START, event, to_batch, to_columns

CONFIG = FoldConfig(closing_step_ms=1)
WINDOW_S = 600
FIRE, NO_OP, HOLDOUT = 1, 2, 3
"""Places in RESULTS plus 1."""
OPEN_ID = "s:1:0"


def decided(decided_at_s: float, *events: dict[str, Any], result: int = NO_OP) -> tuple[Any, list[Folded]]:
    """The row of a visit that began at 0 and decided at a moment, and what folding the events led to."""
    rows = SESSION_LAYOUT.blank.copy()
    folded = [_fold(rows, [event(type="page_view", page_id="a")])]
    rows["decisions"], rows["open_result"] = 1, result
    rows["open_id"] = hash_column(pa.array([OPEN_ID]))
    rows["open_at"] = rows["decided_at"] = round(decided_at_s * 1_000)
    settle(rows.view(KERNEL_DTYPE), np.zeros(1, np.int64), CONFIG.limits)
    return rows, [*folded, *(_fold(rows, [one]) for one in events)]


def _fold(rows: Any, events: list[dict[str, Any]]) -> Folded:
    columns = to_columns(to_batch(events), np.array([e["sent_at"] for e in events], np.int64))
    batch = Batch(np.zeros(len(events), np.int64), columns)
    folded = batch.fold(rows, CONFIG)
    while batch.waiting.size:
        rows["pending"] = 0
        folded = batch.fold(rows, CONFIG)
    return folded


def passed(rows: Any, at_s: float) -> np.void:
    """The one outcome that time brings."""
    outcomes, waiting = [], np.zeros(1, np.int64)
    while waiting.size:
        folded = pass_time(rows, waiting, START + round(at_s * 1_000), CONFIG)
        rows["pending"], waiting = 0, folded.waiting
        outcomes += list(folded.outcomes)
    (outcome,) = outcomes
    return outcome  # type: ignore[no-any-return]


def test_a_window_gathers_what_happens_in_it() -> None:
    """Dwell, scroll, pages and the time of the last event after the decision and within 10 minutes."""
    rows, _ = decided(
        10,
        event(at_s=20, dwell_s=5.0, scroll_depth=0.4),
        event(type="page_view", page_id="b", at_s=50, dwell_s=2.0),
        event(at_s=609, dwell_s=1.0, scroll_depth=0.9),
        event(at_s=611, dwell_s=100.0, scroll_depth=1.0),
    )
    outcome = passed(rows, 800)
    found = [outcome[name] for name in ("dwell_s", "pages", "last_ms", "events", "from_ms", "to_ms")]
    assert found == [8.0, 1, 599_000, 3, START + 10_000, START + 610_000]
    assert outcome["scroll"] == np.float32(0.9)
    assert not outcome["cut"]


def test_what_came_before_the_decision_is_not_its_reward() -> None:
    """An event out of order, stamped before the decision, is folded and does not count in its window."""
    rows, _ = decided(30, event(at_s=25, type="purchase", order_id="o", dwell_s=9.0))
    outcome = passed(rows, 800)
    assert (outcome["events"], outcome["converted"], outcome["dwell_s"]) == (0, False, 0)


@pytest.mark.parametrize(("at_s", "converted", "late"), [(100, True, 0), (600, True, 0), (601, False, 1)])
def test_an_order_counts_within_the_window_and_is_late_after(at_s: float, converted: bool, late: int) -> None:
    """To the second of its end."""
    rows, folded = decided(0, event(type="purchase", order_id="o", at_s=at_s))
    outcome = [o for one in folded for o in one.outcomes] or [passed(rows, at_s + 700)]
    assert outcome[0]["converted"] == converted
    assert rows["late_conversions"][0] == late


def test_nothing_is_told_while_an_event_could_still_come() -> None:
    """A window is told at its end plus the lateness, once."""
    rows, _ = decided(0)
    early = pass_time(rows, np.zeros(1, np.int64), START + 659_999, CONFIG)
    assert early.outcomes.size == 0
    rows["pending"] = 0
    assert passed(rows, WINDOW_S + 60)["events"] == 0
    assert rows["open_result"][0] == 0


def test_the_visits_end_ends_the_window() -> None:
    """A closing hands over what is open, up to the last event."""
    _, folded = decided(0, event(at_s=40), event(at_s=4_000))
    (outcome,) = (o for one in folded for o in one.outcomes)
    assert outcome["to_ms"] <= START + WINDOW_S * 1_000
    assert outcome["events"] == 1


def test_what_the_page_tells_of_a_fire_is_no_event() -> None:
    """A visit that was shown something and left is the same as one that was shown nothing and left."""
    shown = event(type="intervention_shown", at_s=7, dwell_s=3.0, scroll_depth=0.5)
    of_fire, of_no_op = (passed(decided(2, *events)[0], 800) for events in ([shown], []))
    assert of_fire == of_no_op
    assert (of_fire["events"], of_fire["last_ms"]) == (0, 0)


@pytest.mark.parametrize(
    ("result", "named", "dismissed"),
    [
        *((FIRE, OPEN_ID, True), (FIRE, None, True), (FIRE, "s:0:9", False)),
        *((NO_OP, OPEN_ID, False), (NO_OP, None, False), (HOLDOUT, None, False)),
    ],
)
def test_a_dismissal_is_that_of_what_was_shown(result: int, named: str | None, dismissed: bool) -> None:
    """It counts for the open decision where that is a fire and the event names its id, or none."""
    rows, _ = decided(0, event(type="intervention_dismissed", intervention_id=named, at_s=5), result=result)
    outcome = passed(rows, 800)
    assert (outcome["dismissed"], outcome["events"]) == (dismissed, 1)


@pytest.mark.parametrize("steps_s", [(1_870, 3_000), (3_000,)])
def test_a_closing_ends_a_window_that_time_had_not(steps_s: tuple[int, ...]) -> None:
    """Decided by a timer after the visit's last event, it is empty, however far the watermark goes at once."""
    rows, _ = decided(1_500)
    outcomes = []
    for at_s in steps_s:
        waiting = np.zeros(1, np.int64)
        while waiting.size:
            folded = pass_time(rows, waiting, START + at_s * 1_000, CONFIG)
            rows["pending"], waiting = 0, folded.waiting
            outcomes += list(folded.outcomes)
    (outcome,) = outcomes
    assert outcome["from_ms"] == outcome["to_ms"] == START + 1_500_000
