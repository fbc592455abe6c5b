"""The five signals of the rule engine, each 0-100 (DOMAIN 7, given), from a session row at the moment `now_ms`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.ava.frictions import CATEGORY, SEVERITY, highest, how_many, mean_confidence
from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import (
    ADD_TO_WISHLIST,
    CHECKOUT,
    IDLE_60,
    INTERVENTION_CLICKED,
    INTERVENTION_DISMISSED,
    INTERVENTION_SHOWN,
    MOBILE,
    PAID,
)
from models.jit import Record, njit
from schemas.vocabulary import PAGE_TYPES


class IntentPoints(NamedTuple):
    """What adds to intent, and what multiplies it."""

    cart: float = 10.0
    logged_in: float = 5.0
    returning: float = 8.0
    step: float = 3.0
    step_ms: int = 120_000
    steps_at_most: float = 15.0
    wishlist: float = 5.0
    checkout_input: float = 10.0
    on_checkout: float = 1.2
    bouncing: float = 0.7


class FrictionPoints(NamedTuple):
    """What further frictions add to the highest severity."""

    further: float = 5.0
    further_at_most: float = 15.0


class ClarityPoints(NamedTuple):
    """How clear it is what hinders the visitor."""

    certain: float = 100.0
    none: float = 50.0
    agreeing: float = 15.0
    agreeing_frictions: int = 3
    young: float = -15.0
    young_ms: int = 60_000
    few_events: float = -10.0
    few: int = 2
    ambiguous: float = -20.0
    ambiguous_severity: float = 5.0


class ReceptivityPoints(NamedTuple):
    """How ready the visitor is to be spoken to."""

    base: float = 80.0
    shown: float = -15.0
    dismissed: float = -25.0
    recent: float = -10.0
    recent_ms: int = 120_000
    rapid: float = -10.0
    rapid_pages: int = 3
    rapid_page_ms: int = 5_000
    mobile: float = -5.0
    exit_with_cart: float = -30.0
    clicked: float = 10.0
    idle: float = 10.0
    prior_conversion: float = 5.0
    first_time: float = 5.0


class ValuePoints(NamedTuple):
    """What the visit may be worth; `up_to` are the carts, in the site's currency, that `of_cart` are given up to."""

    of_cart: tuple[float, ...] = (15.0, 30.0, 50.0, 70.0, 85.0)
    up_to: tuple[float, ...] = (20.0, 50.0, 100.0, 200.0, 500.0)
    above: float = 95.0
    price_seen: float = 35.0
    nothing_seen: float = 15.0
    returning: float = 15.0
    logged_in: float = 10.0
    paid: float = 5.0


INTENT = IntentPoints()
FRICTION = FrictionPoints()
CLARITY = ClarityPoints()
RECEPTIVITY = ReceptivityPoints()
VALUE = ValuePoints()
INTENT_BY_PAGE_TYPE = {
    "landing": 10.0,
    "category": 25.0,
    "search_results": 30.0,
    "product": 45.0,
    "cart": 70.0,
    "checkout": 85.0,
    "account": 20.0,
    "other": 15.0,
}
HIGHEST_SIGNAL = 100.0
LOWEST_SIGNAL = 0.0

_INTENT_BASE = np.array([INTENT_BY_PAGE_TYPE[name] for name in PAGE_TYPES], np.float64)
_CART_BOUNDS = np.array(VALUE.up_to, np.float64)
_CART_POINTS = np.array(VALUE.of_cart, np.float64)


@njit
def _clamped(points: float) -> float:
    return min(max(points, LOWEST_SIGNAL), HIGHEST_SIGNAL)


@njit
def _bouncing(row: Record, age_ms: int) -> bool:
    return bool(row.pages <= BOUNDS.bounce_pages and age_ms < BOUNDS.bounce_ms)


@njit
def intent(row: Record, now_ms: int) -> float:
    """How close the visitor is to buying."""
    age_ms = now_ms - row.start_ms
    points = _INTENT_BASE[row.page_type]
    if row.cart_items > 0:
        points += INTENT.cart
    if row.logged_in == 1:
        points += INTENT.logged_in
    if row.returning == 1:
        points += INTENT.returning
    points += min(INTENT.step * (age_ms // INTENT.step_ms), INTENT.steps_at_most)
    if row.type_count[ADD_TO_WISHLIST] > 0:
        points += INTENT.wishlist
    if row.checkout_inputs > 0:
        points += INTENT.checkout_input
    if row.page_type == CHECKOUT:
        points *= INTENT.on_checkout
    if _bouncing(row, age_ms):
        points *= INTENT.bouncing
    return _clamped(points)


@njit
def friction(detected: int) -> float:
    """How much hinders the visitor, of the frictions detected."""
    if detected == 0:
        return LOWEST_SIGNAL
    further = min(FRICTION.further * (how_many(detected) - 1), FRICTION.further_at_most)
    return _clamped(SEVERITY[highest(detected)] + further)


@njit
def clarity(row: Record, detected: int, now_ms: int) -> float:
    """How clear it is what hinders the visitor."""
    points = CLARITY.none
    if detected:
        points = CLARITY.certain * mean_confidence(detected)
    if how_many(detected) >= CLARITY.agreeing_frictions:
        points += CLARITY.agreeing
    if now_ms - row.start_ms < CLARITY.young_ms:
        points += CLARITY.young
    if row.events <= CLARITY.few:
        points += CLARITY.few_events
    if _ambiguous(detected):
        points += CLARITY.ambiguous
    return _clamped(points)


@njit
def _ambiguous(detected: int) -> bool:
    first = highest(detected)
    if first < 0:
        return False
    second = highest(detected & ~(1 << first))
    if second < 0:
        return False
    apart = SEVERITY[first] - SEVERITY[second]
    return bool(CATEGORY[first] != CATEGORY[second] and apart <= CLARITY.ambiguous_severity)


@njit
def receptivity(row: Record, now_ms: int) -> float:
    """How ready the visitor is to be spoken to."""
    points = RECEPTIVITY.base
    points += RECEPTIVITY.shown * row.type_count[INTERVENTION_SHOWN]
    points += RECEPTIVITY.dismissed * row.type_count[INTERVENTION_DISMISSED]
    if row.type_count[INTERVENTION_SHOWN] > 0:
        shown_ms = row.start_ms + row.type_last[INTERVENTION_SHOWN]
        if now_ms - shown_ms < RECEPTIVITY.recent_ms:
            points += RECEPTIVITY.recent
    rapid_ms = RECEPTIVITY.rapid_page_ms * row.pages
    if row.pages >= RECEPTIVITY.rapid_pages and now_ms - row.start_ms < rapid_ms:
        points += RECEPTIVITY.rapid
    if row.device == MOBILE:
        points += RECEPTIVITY.mobile
    if row.exit_with_cart > 0:
        points += RECEPTIVITY.exit_with_cart
    if row.type_count[INTERVENTION_CLICKED] > 0:
        points += RECEPTIVITY.clicked
    if row.silent & (1 << IDLE_60):
        points += RECEPTIVITY.idle
    if row.prior_conversion == 1:
        points += RECEPTIVITY.prior_conversion
    if row.returning == 0:
        points += RECEPTIVITY.first_time
    return _clamped(points)


@njit
def value(row: Record) -> float:
    """What the visit may be worth."""
    points = VALUE.price_seen if row.price_count > 0 else VALUE.nothing_seen
    if row.cart_items > 0:
        points = _of_cart(row.cart_value)
    if row.returning == 1:
        points += VALUE.returning
    if row.logged_in == 1:
        points += VALUE.logged_in
    if row.source == PAID:
        points += VALUE.paid
    return _clamped(points)


@njit
def _of_cart(cart_value: float) -> float:
    for k in range(_CART_BOUNDS.size):
        if cart_value <= _CART_BOUNDS[k]:
            return float(_CART_POINTS[k])
    return VALUE.above
