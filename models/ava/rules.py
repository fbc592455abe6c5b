"""The rule engine on a row of features: detected frictions and the five signals, each 0-100 (DOMAIN 7, given).

`x` is float32[128] in the order of `models.behaviour.moment.INPUTS`, `past` a row of HISTORY_DTYPE; sums are float64,
in the order of `docs/live.md`, 2. What has no source yet is left out: agreement with a reasoner, contradiction,
prior-session match, price percentiles.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.ava.catalog import CompiledCatalog
from models.ava.catalog_check import OPS
from models.ava.history import contains, put, within
from models.behaviour.bounds import BOUNDS
from models.behaviour.moment import INPUT_PLACE
from models.jit import Record, njit
from schemas.vocabulary import PAGE_TYPES

Row = npt.NDArray[np.float32]
Bits = npt.NDArray[np.uint8]


class IntentPoints(NamedTuple):
    """What adds to intent, and what multiplies it."""

    cart: float = 10.0
    logged_in: float = 5.0
    returning: float = 8.0
    step: float = 3.0
    step_s: float = 120.0
    steps_at_most: float = 15.0
    wishlist: float = 5.0
    checkout_input: float = 10.0
    on_checkout: float = 1.2
    bouncing: float = 0.7
    bounce_s: float = BOUNDS.bounce_ms / 1000.0


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
    young_s: float = 60.0
    few_events: float = -10.0
    few: float = 2.0
    ambiguous: float = -20.0
    ambiguous_severity: float = 5.0


class ReceptivityPoints(NamedTuple):
    """How ready the visitor is to be spoken to."""

    base: float = 80.0
    shown: float = -15.0
    dismissed: float = -25.0
    recent: float = -10.0
    recent_s: float = 120.0
    rapid: float = -10.0
    rapid_pages: float = 3.0
    rapid_page_s: float = 5.0
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
_PAGE_TYPE = np.array([INPUT_PLACE[f"page_type.{name}"] for name in PAGE_TYPES], np.int64)
_CART_BOUNDS = np.array(VALUE.up_to, np.float64)
_CART_POINTS = np.array(VALUE.of_cart, np.float64)

_BELOW, _AT_MOST, _ABOVE, _AT_LEAST, _EQUAL, _UNEQUAL = range(len(OPS))
_ON_CHECKOUT = INPUT_PLACE["page_type.checkout"]
_CART_ITEMS = INPUT_PLACE["cart_items"]
_CART_VALUE = INPUT_PLACE["cart_value"]
_LOGGED_IN = INPUT_PLACE["logged_in"]
_RETURNING = INPUT_PLACE["returning"]
_PRIOR_CONVERSION = INPUT_PLACE["prior_conversion"]
_AGE_S = INPUT_PLACE["age_s"]
_WISHLIST = INPUT_PLACE["count.add_to_wishlist"]
_CHECKOUT_INPUTS = INPUT_PLACE["checkout_inputs"]
_PAGES = INPUT_PLACE["pages"]
_EVENTS = INPUT_PLACE["events"]
_DISMISSED = INPUT_PLACE["count.intervention_dismissed"]
_CLICKED = INPUT_PLACE["count.intervention_clicked"]
_MOBILE = INPUT_PLACE["device.mobile"]
_EXIT_WITH_CART = INPUT_PLACE["exit_with_cart"]
_IDLE = INPUT_PLACE["silent.idle_60"]
_PRICE_MAX = INPUT_PLACE["price_max"]
_PAID = INPUT_PLACE["source.paid"]


@njit
def detect(x: Row, catalog: CompiledCatalog, detected: Bits) -> int:
    """Write the set of frictions detected into `detected`, uint8[FRICTION_BYTES]; returns how many there are."""
    detected[:] = 0
    found = 0
    for k in range(catalog.number.size):
        if _holds(x, catalog, k):
            put(detected, catalog.number[k])
            found += 1
    return found


@njit
def _holds(x: Row, catalog: CompiledCatalog, k: int) -> bool:
    for t in range(catalog.first[k], catalog.first[k + 1]):
        if not _compare(x[catalog.place[t]], catalog.op[t], catalog.value[t]):
            return False
    return True


@njit
def _compare(found: np.float32, op: int, value: np.float32) -> bool:
    if op == _BELOW:
        return bool(found < value)
    if op == _AT_MOST:
        return bool(found <= value)
    if op == _ABOVE:
        return bool(found > value)
    if op == _AT_LEAST:
        return bool(found >= value)
    if op == _EQUAL:
        return bool(found == value)
    return bool(found != value)


@njit
def clamped(points: float) -> float:
    """Within 0-100."""
    return min(max(points, LOWEST_SIGNAL), HIGHEST_SIGNAL)


@njit
def intent(x: Row) -> float:
    """How close the visitor is to buying."""
    points = 0.0
    for p in range(_PAGE_TYPE.size):
        if x[_PAGE_TYPE[p]] == 1:
            points = _INTENT_BASE[p]
    if x[_CART_ITEMS] > 0:
        points += INTENT.cart
    if x[_LOGGED_IN] == 1:
        points += INTENT.logged_in
    if x[_RETURNING] == 1:
        points += INTENT.returning
    points += min(INTENT.step * math.floor(np.float64(x[_AGE_S]) / INTENT.step_s), INTENT.steps_at_most)
    if x[_WISHLIST] > 0:
        points += INTENT.wishlist
    if x[_CHECKOUT_INPUTS] > 0:
        points += INTENT.checkout_input
    if x[_ON_CHECKOUT] == 1:
        points *= INTENT.on_checkout
    if x[_PAGES] <= BOUNDS.bounce_pages and x[_AGE_S] < INTENT.bounce_s:
        points *= INTENT.bouncing
    return clamped(points)


@njit
def friction(catalog: CompiledCatalog, detected: Bits, found: int) -> float:
    """How much hinders the visitor, of the `found` frictions detected."""
    if found == 0:
        return LOWEST_SIGNAL
    further = min(FRICTION.further * (found - 1), FRICTION.further_at_most)
    return clamped(catalog.severity[_next(catalog, detected, 0)] + further)


@njit
def _next(catalog: CompiledCatalog, detected: Bits, start: int) -> int:
    """The place, from `start` on, of the next friction detected; the catalog's size where there is none."""
    k = start
    while k < catalog.number.size and not contains(detected, catalog.number[k]):
        k += 1
    return k


@njit
def clarity(x: Row, catalog: CompiledCatalog, detected: Bits, found: int) -> float:
    """How clear it is what hinders the visitor."""
    points = CLARITY.none
    if found > 0:
        points = CLARITY.certain * _mean_confidence(catalog, detected, found)
    if found >= CLARITY.agreeing_frictions:
        points += CLARITY.agreeing
    if x[_AGE_S] < CLARITY.young_s:
        points += CLARITY.young
    if x[_EVENTS] <= CLARITY.few:
        points += CLARITY.few_events
    if _ambiguous(catalog, detected, found):
        points += CLARITY.ambiguous
    return clamped(points)


@njit
def _mean_confidence(catalog: CompiledCatalog, detected: Bits, found: int) -> float:
    total = 0.0
    for k in range(catalog.number.size):
        if contains(detected, catalog.number[k]):
            total += catalog.confidence[catalog.number[k]]
    return total / found


@njit
def _ambiguous(catalog: CompiledCatalog, detected: Bits, found: int) -> bool:
    if found <= 1:
        return False
    first = _next(catalog, detected, 0)
    second = _next(catalog, detected, first + 1)
    apart = catalog.severity[first] - catalog.severity[second]
    return bool(catalog.category[first] != catalog.category[second] and apart <= CLARITY.ambiguous_severity)


@njit
def receptivity(x: Row, past: Record) -> float:
    """How ready the visitor is to be spoken to."""
    points = RECEPTIVITY.base
    points += RECEPTIVITY.shown * np.float64(past.loud)
    points += RECEPTIVITY.dismissed * np.float64(x[_DISMISSED])
    if _spoken_to(past):
        points += RECEPTIVITY.recent
    if x[_PAGES] >= RECEPTIVITY.rapid_pages and x[_AGE_S] < RECEPTIVITY.rapid_page_s * np.float64(x[_PAGES]):
        points += RECEPTIVITY.rapid
    if x[_MOBILE] == 1:
        points += RECEPTIVITY.mobile
    if x[_EXIT_WITH_CART] > 0:
        points += RECEPTIVITY.exit_with_cart
    if x[_CLICKED] > 0:
        points += RECEPTIVITY.clicked
    if x[_IDLE] == 1:
        points += RECEPTIVITY.idle
    if x[_PRIOR_CONVERSION] == 1:
        points += RECEPTIVITY.prior_conversion
    if x[_RETURNING] == 0:
        points += RECEPTIVITY.first_time
    return clamped(points)


@njit
def _spoken_to(past: Record) -> bool:
    """Whether the last decision above PASSIVE is less than `recent_s` ago.

    Of ESCALATE no time is kept: after one, a decision of any tier counts as the last.
    """
    escalated = np.int64(past.loud) > np.int64(past.active) + np.int64(past.nudge)
    recent_s = RECEPTIVITY.recent_s
    if within(past.since_active_s, recent_s) or within(past.since_nudge_s, recent_s):
        return True
    return bool(escalated and within(past.since_any_s, recent_s))


@njit
def value(x: Row) -> float:
    """What the visit may be worth. A price of 0 counts as none seen: the features do not tell them apart."""
    points = VALUE.price_seen if x[_PRICE_MAX] > 0 else VALUE.nothing_seen
    if x[_CART_ITEMS] > 0:
        points = _of_cart(np.float64(x[_CART_VALUE]))
    if x[_RETURNING] == 1:
        points += VALUE.returning
    if x[_LOGGED_IN] == 1:
        points += VALUE.logged_in
    if x[_PAID] == 1:
        points += VALUE.paid
    return clamped(points)


@njit
def _of_cart(cart_value: float) -> float:
    for k in range(_CART_BOUNDS.size):
        if cart_value <= _CART_BOUNDS[k]:
            return float(_CART_POINTS[k])
    return VALUE.above
