"""Timers of silence: when each is due, and what arms and disarms them (`docs/fold.md`, 3)."""

from __future__ import annotations

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import (
    ADD_TO_CART,
    CART_IDLE_600,
    CART_IDLE_1800,
    CHECKOUT,
    CHECKOUT_IDLE_300,
    CLICK,
    FORM_SUBMIT,
    HOVER,
    HOVER_10,
    IDLE_60,
    INPUT,
    PAYMENT_FIELD_30,
    PURCHASE,
    TIMERS,
)
from models.behaviour.config import Limits
from models.behaviour.hashing import NULL
from models.behaviour.outcome import outcome_due, window_ends
from models.jit import Record, njit

NEVER = 1 << 62
_TIMERS = len(TIMERS)


@njit
def deadline(row: Record, timer: int) -> int:
    """The deadline of a timer, ms since the epoch; `NEVER` where it is not armed or has fired in this silence."""
    start_ms: int = row.start_ms
    since_ms: int = start_ms + row.active
    silent = row.silent & (1 << timer)
    if timer == IDLE_60 and not silent:
        return since_ms + BOUNDS.idle_60_ms
    if timer == CHECKOUT_IDLE_300 and not silent and row.page_type == CHECKOUT:
        return since_ms + BOUNDS.checkout_idle_300_ms
    if timer == CART_IDLE_600 and not silent and row.cart_items > 0:
        return since_ms + BOUNDS.cart_idle_600_ms
    if timer == CART_IDLE_1800 and not silent and row.cart_items > 0:
        return since_ms + BOUNDS.cart_idle_1800_ms
    if timer == PAYMENT_FIELD_30 and row.payment_field != NULL:
        payment_ms: int = start_ms + row.payment_at
        return payment_ms + BOUNDS.payment_field_30_ms
    if timer == HOVER_10 and row.hover_target != NULL:
        hover_ms: int = start_ms + row.hover_at
        return hover_ms + BOUNDS.hover_10_ms
    return NEVER


@njit
def next_timer(row: Record) -> int:
    """The timer that fires next, the first of the table among equals; meaningless where none is armed."""
    earliest = 0
    for timer in range(1, _TIMERS):
        if deadline(row, timer) < deadline(row, earliest):
            earliest = timer
    return earliest


@njit
def closes_at(row: Record, limits: Limits) -> int:
    """The watermark that closes the visit, ms since the epoch; no timer fires past it."""
    last_ms: int = row.start_ms + row.last
    return last_ms + limits.gap_ms + limits.lateness_ms


@njit
def handed_over_at(row: Record, limits: Limits) -> int:
    """The watermark at which a visit that time closes is handed over, ms since the epoch: with others of its interval,
    so that what visits add to containers and sites leaves in few records."""
    step = limits.closing_step_ms
    return -(-closes_at(row, limits) // step) * step


@njit
def outcome_told_at(row: Record, limits: Limits) -> int:
    """The watermark at which the open reward is told, ms since the epoch; `NEVER` where the visit closes before, and
    its closing tells it, however far the watermark goes at once."""
    due_ms: int = outcome_due(row, limits)
    return due_ms if due_ms <= closes_at(row, limits) else NEVER


@njit
def closed_window_ends(row: Record, limits: Limits) -> int:
    """Event time at which the open window ends where the visit closes, ms since the epoch: by itself, or with the
    visit's last event where time would not have told it before.

    A timer may decide after that event; the window of such a decision is empty. The watermark does not count: how far
    it is when an event closes the visit depends on other sessions.
    """
    if outcome_told_at(row, limits) != NEVER:
        return window_ends(row)
    decided_ms: int = row.start_ms + row.open_at
    last_ms: int = row.start_ms + row.last
    return min(max(last_ms, decided_ms), window_ends(row))


@njit
def set_due(row: Record, limits: Limits) -> None:
    """Say at which watermark the visit next wants attention."""
    fires_ms = deadline(row, next_timer(row)) + limits.timer_slack_ms
    wants_ms = min(fires_ms, handed_over_at(row, limits))
    if row.open_result:
        wants_ms = min(wants_ms, outcome_told_at(row, limits))
    # 0 would say that the row is free.
    row.due_ms = max(wants_ms, 1)


@njit
def disarm(row: Record, timer: int) -> None:
    """Take note that a timer fired: an idle timer rests until the next activity, the others until armed anew."""
    if timer == PAYMENT_FIELD_30:
        row.payment_field = NULL
    elif timer == HOVER_10:
        row.hover_target = NULL
    else:
        row.silent |= 1 << timer


@njit
def fold_waiting(row: Record, event: Record, offset: int, another_page: bool) -> None:
    """Arm or disarm the timers of an empty payment field and of a hover, by an event `offset` ms after the start."""
    kind = event.type
    if kind == INPUT:
        if event.payment and event.filled == 0:
            row.payment_field = event.field
            row.payment_at = offset
        elif event.filled == 1 and event.field == row.payment_field:
            row.payment_field = NULL
    elif kind == HOVER:
        if event.target != NULL and event.target != row.hover_target:
            row.hover_target = event.target
            row.hover_at = offset
    elif kind in (FORM_SUBMIT, PURCHASE):
        row.payment_field = NULL
    elif kind in (CLICK, ADD_TO_CART):
        row.hover_target = NULL
    elif another_page:
        row.payment_field = NULL
        row.hover_target = NULL
