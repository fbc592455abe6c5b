"""The life of a visit: the passage of time, the way of one record, the closing (`docs/fold.md`, 2 and 3).

A timer that fires wants an evaluation before anything else happens to its visit. The kernels decide nothing, so they
stop there: the row is *pending*, and whatever waits for it is handed back until the caller has cleared it.
"""

from __future__ import annotations

from typing import Any

from models.behaviour import effects as out
from models.behaviour.bounds import SMALL_COUNT_MAX
from models.behaviour.cart import fold_cart
from models.behaviour.clicks import fold_clicks
from models.behaviour.config import Limits
from models.behaviour.counts import fold_counts
from models.behaviour.duplicates import DUPLICATE, UNDECIDED, judge
from models.behaviour.effects import Effects, copy_text, put_closed, put_fired, put_outcome
from models.behaviour.exposures import end_all_views, fold_exposures
from models.behaviour.facts import fold_activity, fold_facts
from models.behaviour.outcome import fold_outcome, window_ends
from models.behaviour.pages import fold_forms, fold_pages, is_another_page
from models.behaviour.products import fold_products, fold_searches
from models.behaviour.timers import (
    closed_window_ends,
    closes_at,
    deadline,
    disarm,
    fold_waiting,
    handed_over_at,
    next_timer,
    outcome_told_at,
    set_due,
)
from models.behaviour.windows import fold_windows
from models.jit import Record, njit

FREE = 0
"""`due_ms` of a row that holds no visit."""

UNSEEN, JUDGED_NEW, JUDGED_UNDECIDED, DROPPED, FOLDED = range(5)
"""How far a record has come: `judge` remembers what it saw, so that no record may be judged twice."""


@njit
def fire_timers(row: Record, index: int, until_ms: int, limits: Limits, effects: Effects) -> bool:
    """Fire the timers with a deadline up to `until_ms`, ms since the epoch.

    Stops at the first that wants an evaluation, with the row pending, and says so.
    """
    until_ms = min(until_ms, closes_at(row, limits))
    ends_ms = row.start_ms + row.last + limits.gap_ms
    while True:
        timer = next_timer(row)
        deadline_ms = deadline(row, timer)
        if deadline_ms > until_ms:
            return False
        disarm(row, timer)
        row.timer_count[timer] = min(row.timer_count[timer] + 1, SMALL_COUNT_MAX)
        post_session = deadline_ms >= ends_ms
        row.post_session_timers += post_session
        row.pending = row.personalization and not row.bot
        put_fired(effects, row, index, timer, deadline_ms, post_session)
        if row.pending:
            return True


@njit
def close(rows: Any, index: int, blank: Any, limits: Limits, effects: Effects) -> None:
    """Hand over the visit, and what followed its last decision, and free its row."""
    row = rows[index]
    end_all_views(row)
    if row.open_result:
        put_outcome(effects, row, index, closed_window_ends(row, limits), False)
    put_closed(effects, rows, index)
    rows[index] = blank[0]


@njit
def pass_visit_time(
    rows: Any, index: int, watermark: int, closing_ms: int, blank: Any, limits: Limits, effects: Effects
) -> None:
    """What the watermark, ms since the epoch, means for a live visit: timers, an open reward, perhaps the closing.

    `closing_ms` is the watermark that closes the visit. Leaves the row pending where a timer wants an evaluation.
    """
    row = rows[index]
    if watermark < min(row.due_ms, closing_ms):
        return
    if fire_timers(row, index, watermark - limits.timer_slack_ms, limits, effects):
        return
    if row.open_result and watermark >= outcome_told_at(row, limits):
        put_outcome(effects, row, index, window_ends(row), False)
    if watermark >= closing_ms:
        if not fire_timers(row, index, closes_at(row, limits), limits, effects):
            close(rows, index, blank, limits, effects)
    else:
        set_due(row, limits)


@njit
def pass_time_by(rows: Any, index: int, watermark: int, blank: Any, limits: Limits, effects: Effects) -> None:
    """Let time pass for a live visit without a record of its own."""
    pass_visit_time(rows, index, watermark, handed_over_at(rows[index], limits), blank, limits, effects)


@njit
def take(
    rows: Any, index: int, event: Record, progress: int, shown: Any, blank: Any, limits: Limits, effects: Effects
) -> int:
    """The way of one record through the visit in `rows[index]`, from where it stopped; answers how far it came.

    Where the row is pending afterwards, and the record neither folded nor dropped, it must be taken again.
    """
    row = rows[index]
    if row.due_ms != FREE:
        pass_visit_time(rows, index, event.watermark, closes_at(row, limits), blank, limits, effects)
        if row.pending:
            return progress
    if not event.analytics:
        if row.due_ms != FREE:
            rows[index] = blank[0]
        effects.counts[event.site, out.UNCONSENTED] += 1
        return DROPPED
    if event.time < event.watermark - limits.lateness_ms:
        effects.counts[event.site, out.LATE] += 1
        return DROPPED
    if row.due_ms != FREE:
        since_ms = event.time - row.start_ms
        if since_ms - row.last >= limits.gap_ms or since_ms >= limits.longest_ms:
            if fire_timers(row, index, event.time, limits, effects):
                return progress
            close(rows, index, blank, limits, effects)
        elif -since_ms >= limits.gap_ms:
            effects.counts[event.site, out.LATE] += 1
            return DROPPED
    if row.due_ms == FREE:
        _open(row, event, effects)
    counts = effects.counts[out.site_of(row, event, effects)]
    return _take_into(row, index, event, progress, shown, counts, limits, effects)


@njit
def _open(row: Record, event: Record, effects: Effects) -> None:
    row.start_ms = event.time
    row.site = effects.site_hashes[event.site]
    copy_text(effects.sites[event.site], row.site_id)
    row.page_type = event.page_type
    row.device = event.device
    row.source = event.source
    row.bucket = event.bucket


@njit
def _take_into(
    row: Record,
    index: int,
    event: Record,
    progress: int,
    shown: Any,
    counts: Any,
    limits: Limits,
    effects: Effects,
) -> int:
    if progress == UNSEEN:
        verdict = judge(row, event)
        if verdict == DUPLICATE:
            row.duplicates += 1
            counts[out.DUPLICATE] += 1
            return DROPPED
        progress = JUDGED_UNDECIDED if verdict == UNDECIDED else JUDGED_NEW
    if event.time + limits.timer_slack_ms >= row.due_ms and fire_timers(row, index, event.time, limits, effects):
        return progress
    if progress == JUDGED_UNDECIDED:
        row.undecided += 1
        counts[out.UNDECIDED] += 1
    offset = max(event.time - row.start_ms, 0)
    if row.events >= limits.event_cap:
        row.capped += 1
        row.last = max(row.last, offset)
        counts[out.CAPPED] += 1
        set_due(row, limits)
        return DROPPED
    fold_event(row, event, offset, shown, limits)
    counts[out.FOLDED] += 1
    set_due(row, limits)
    return FOLDED


@njit
def fold_event(row: Record, event: Record, offset: int, shown: Any, limits: Limits) -> None:
    """Fold an event, `offset` ms after the visit's start, into every feature."""
    another_page = is_another_page(row, event)
    fold_windows(row, event, limits)
    fold_clicks(row, event, offset, another_page)
    fold_counts(row, event, offset)
    orders = fold_cart(row, event)
    fold_forms(row, event, another_page)
    fold_pages(row, event, offset, another_page)
    fold_searches(row, event)
    fold_products(row, event)
    fold_waiting(row, event, offset, another_page)
    fold_facts(row, event)
    fold_activity(row, event, offset)
    fold_outcome(row, event, another_page, orders)
    fold_exposures(row, event, offset, another_page, orders, shown)
    row.last = max(row.last, offset)
