"""The life of a visit: the passage of time, the way of one record, the closing (`docs/fold.md`, 2 and 3)."""

from __future__ import annotations

from typing import Any

from models.behaviour import effects as out
from models.behaviour.bounds import SMALL_COUNT_MAX
from models.behaviour.cart import fold_cart
from models.behaviour.clicks import fold_clicks
from models.behaviour.codes import BY_EVENT, BY_TIMER
from models.behaviour.config import Limits
from models.behaviour.counts import fold_counts
from models.behaviour.duplicates import DUPLICATE, UNDECIDED, judge
from models.behaviour.effects import Effects, copy_text, put_closed, put_fired
from models.behaviour.evaluation import evaluate
from models.behaviour.facts import fold_activity, fold_facts
from models.behaviour.pages import fold_forms, fold_pages, is_another_page
from models.behaviour.products import fold_products, fold_searches
from models.behaviour.timers import closes_at, deadline, disarm, fold_waiting, next_timer, set_due
from models.behaviour.windows import fold_windows
from models.jit import Record, njit

FREE = 0
"""`due_ms` of a row that holds no visit."""


@njit
def fire_timers(row: Record, index: int, until_ms: int, limits: Limits, effects: Effects) -> None:
    """Fire the timers with a deadline up to `until_ms`, ms since the epoch, each with its evaluation."""
    until_ms = min(until_ms, closes_at(row, limits))
    ends_ms = row.start_ms + row.last + limits.gap_ms
    while True:
        timer = next_timer(row)
        deadline_ms = deadline(row, timer)
        if deadline_ms > until_ms:
            return
        disarm(row, timer)
        row.timer_count[timer] = min(row.timer_count[timer] + 1, SMALL_COUNT_MAX)
        post_session = deadline_ms >= ends_ms
        row.post_session_timers += post_session
        put_fired(effects, row, index, timer, deadline_ms, post_session)
        evaluate(row, index, deadline_ms, BY_TIMER, effects)


@njit
def close(rows: Any, index: int, blank: Any, effects: Effects) -> None:
    """Hand over the visit and free its row."""
    put_closed(effects, rows, index)
    rows[index] = blank[0]


@njit
def pass_visit_time(rows: Any, index: int, watermark: int, blank: Any, limits: Limits, effects: Effects) -> None:
    """What the watermark, ms since the epoch, means for a live visit: timers, then perhaps the closing."""
    row = rows[index]
    if watermark < row.due_ms:
        return
    fire_timers(row, index, watermark - limits.timer_slack_ms, limits, effects)
    if watermark >= closes_at(row, limits):
        fire_timers(row, index, closes_at(row, limits), limits, effects)
        close(rows, index, blank, effects)
    else:
        set_due(row, limits)


@njit
def take(rows: Any, index: int, event: Record, blank: Any, limits: Limits, effects: Effects) -> None:
    """The way of one record through the visit in `rows[index]`, and its count."""
    row = rows[index]
    if row.due_ms != FREE:
        pass_visit_time(rows, index, event.watermark, blank, limits, effects)
    if not event.analytics:
        if row.due_ms != FREE:
            rows[index] = blank[0]
        effects.counts[event.site, out.UNCONSENTED] += 1
        return
    if event.time < event.watermark - limits.lateness_ms:
        effects.counts[event.site, out.LATE] += 1
        return
    if row.due_ms != FREE:
        since_ms = event.time - row.start_ms
        if since_ms - row.last >= limits.gap_ms or since_ms >= limits.longest_ms:
            fire_timers(row, index, event.time, limits, effects)
            close(rows, index, blank, effects)
        elif -since_ms >= limits.gap_ms:
            effects.counts[event.site, out.LATE] += 1
            return
    if row.due_ms == FREE:
        _open(row, event, effects)
    _take_into(row, index, event, effects.counts[out.site_of(row, event, effects)], limits, effects)


@njit
def _open(row: Record, event: Record, effects: Effects) -> None:
    row.start_ms = event.time
    row.site = effects.site_hashes[event.site]
    copy_text(effects.sites[event.site], row.site_id)
    row.page_type = event.page_type
    row.device = event.device
    row.source = event.source


@njit
def _take_into(row: Record, index: int, event: Record, counts: Any, limits: Limits, effects: Effects) -> None:
    verdict = judge(row, event)
    if verdict == DUPLICATE:
        row.duplicates += 1
        counts[out.DUPLICATE] += 1
        return
    if event.time + limits.timer_slack_ms >= row.due_ms:
        fire_timers(row, index, event.time, limits, effects)
    if verdict == UNDECIDED:
        row.undecided += 1
        counts[out.UNDECIDED] += 1
    offset = max(event.time - row.start_ms, 0)
    if row.events >= limits.event_cap:
        row.capped += 1
        row.last = max(row.last, offset)
        counts[out.CAPPED] += 1
    else:
        fold_event(row, event, offset, limits)
        counts[out.FOLDED] += 1
        evaluate(row, index, row.start_ms + row.last, BY_EVENT, effects)
    set_due(row, limits)


@njit
def fold_event(row: Record, event: Record, offset: int, limits: Limits) -> None:
    """Fold an event, `offset` ms after the visit's start, into every feature."""
    another_page = is_another_page(row, event)
    fold_windows(row, event, limits)
    fold_clicks(row, event, offset, another_page)
    fold_counts(row, event, offset)
    fold_cart(row, event)
    fold_forms(row, event, another_page)
    fold_pages(row, event, offset, another_page)
    fold_searches(row, event)
    fold_products(row, event)
    fold_waiting(row, event, offset, another_page)
    fold_facts(row, event)
    fold_activity(row, event, offset)
    row.last = max(row.last, offset)
