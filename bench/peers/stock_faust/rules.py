"""Frictions, the five signals and the composite of one visit, in plain Python, on its 128 inputs."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import NamedTuple

from models.ava.catalog import Friction, installed_catalog
from models.ava.profiles import Profile
from models.ava.rules import CLARITY, FRICTION, INTENT, INTENT_BY_PAGE_TYPE, RECEPTIVITY, VALUE
from models.behaviour.moment import INPUT_PLACE
from schemas.vocabulary import PAGE_TYPES

CATALOG = installed_catalog()
MONITOR, PASSIVE, NUDGE, ACTIVE, ESCALATE = range(5)

_OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_CONDITIONS = tuple(
    (friction, tuple((INPUT_PLACE[term.feature], _OPERATORS[term.op], term.value) for term in friction.when))
    for friction in CATALOG.frictions
)
_PAGES = tuple((INPUT_PLACE[f"page_type.{name}"], INTENT_BY_PAGE_TYPE[name]) for name in PAGE_TYPES)
_CART = tuple(zip(VALUE.up_to, VALUE.of_cart, strict=True))


class _Places(NamedTuple):
    """Columns of the inputs that the signals read."""

    age_s: int = INPUT_PLACE["age_s"]
    pages: int = INPUT_PLACE["pages"]
    events: int = INPUT_PLACE["events"]
    cart_items: int = INPUT_PLACE["cart_items"]
    cart_value: int = INPUT_PLACE["cart_value"]
    logged_in: int = INPUT_PLACE["logged_in"]
    returning: int = INPUT_PLACE["returning"]
    prior_conversion: int = INPUT_PLACE["prior_conversion"]
    wishlist: int = INPUT_PLACE["count.add_to_wishlist"]
    checkout_inputs: int = INPUT_PLACE["checkout_inputs"]
    on_checkout: int = INPUT_PLACE["page_type.checkout"]
    dismissed: int = INPUT_PLACE["count.intervention_dismissed"]
    clicked: int = INPUT_PLACE["count.intervention_clicked"]
    mobile: int = INPUT_PLACE["device.mobile"]
    exit_with_cart: int = INPUT_PLACE["exit_with_cart"]
    idle: int = INPUT_PLACE["silent.idle_60"]
    price_max: int = INPUT_PLACE["price_max"]
    paid: int = INPUT_PLACE["source.paid"]


AT = _Places()


def detected(x: Sequence[float]) -> list[Friction]:
    """The frictions that hold, most severe first."""
    found = []
    for friction, terms in _CONDITIONS:
        for place, holds, value in terms:
            if not holds(x[place], value):
                break
        else:
            found.append(friction)
    return found


def signals(
    x: Sequence[float], found: Sequence[Friction], loud: int = 0, loud_s: float = math.inf
) -> tuple[float, float, float, float, float]:
    """Intent, friction, clarity, receptivity and value, each 0-100; `loud` decisions so far, the last `loud_s` ago."""
    return _intent(x), _friction(found), _clarity(x, found), _receptivity(x, loud, loud_s), _value(x)


def tier_of(composite: float, profile: Profile) -> int:
    """A bound belongs to the lower tier."""
    for tier, most in enumerate(profile.bounds):
        if composite <= most:
            return tier
    return ESCALATE


def clamped(points: float) -> float:
    """Within 0-100."""
    return min(max(points, 0.0), 100.0)


def _intent(x: Sequence[float]) -> float:
    points = next((base for place, base in _PAGES if x[place]), 0.0)
    if x[AT.cart_items] > 0:
        points += INTENT.cart
    if x[AT.logged_in] == 1:
        points += INTENT.logged_in
    if x[AT.returning] == 1:
        points += INTENT.returning
    points += min(INTENT.step * (x[AT.age_s] // INTENT.step_s), INTENT.steps_at_most)
    if x[AT.wishlist] > 0:
        points += INTENT.wishlist
    if x[AT.checkout_inputs] > 0:
        points += INTENT.checkout_input
    if x[AT.on_checkout]:
        points *= INTENT.on_checkout
    if x[AT.pages] <= 1 and x[AT.age_s] < INTENT.bounce_s:
        points *= INTENT.bouncing
    return clamped(points)


def _friction(found: Sequence[Friction]) -> float:
    if not found:
        return 0.0
    return clamped(found[0].severity + min(FRICTION.further * (len(found) - 1), FRICTION.further_at_most))


def _clarity(x: Sequence[float], found: Sequence[Friction]) -> float:
    points = CLARITY.none
    if found:
        points = CLARITY.certain * sum(friction.confidence for friction in found) / len(found)
    if len(found) >= CLARITY.agreeing_frictions:
        points += CLARITY.agreeing
    if x[AT.age_s] < CLARITY.young_s:
        points += CLARITY.young
    if x[AT.events] <= CLARITY.few:
        points += CLARITY.few_events
    if _ambiguous(found):
        points += CLARITY.ambiguous
    return clamped(points)


def _ambiguous(found: Sequence[Friction]) -> bool:
    if len(found) <= 1 or found[0].category == found[1].category:
        return False
    return found[0].severity - found[1].severity <= CLARITY.ambiguous_severity


def _receptivity(x: Sequence[float], loud: int, loud_s: float) -> float:
    points = RECEPTIVITY.base + RECEPTIVITY.shown * loud + RECEPTIVITY.dismissed * x[AT.dismissed]
    if loud_s < RECEPTIVITY.recent_s:
        points += RECEPTIVITY.recent
    if x[AT.pages] >= RECEPTIVITY.rapid_pages and x[AT.age_s] < RECEPTIVITY.rapid_page_s * x[AT.pages]:
        points += RECEPTIVITY.rapid
    if x[AT.mobile]:
        points += RECEPTIVITY.mobile
    if x[AT.exit_with_cart] > 0:
        points += RECEPTIVITY.exit_with_cart
    if x[AT.clicked] > 0:
        points += RECEPTIVITY.clicked
    if x[AT.idle]:
        points += RECEPTIVITY.idle
    if x[AT.prior_conversion] == 1:
        points += RECEPTIVITY.prior_conversion
    if x[AT.returning] == 0:
        points += RECEPTIVITY.first_time
    return clamped(points)


def _value(x: Sequence[float]) -> float:
    points = VALUE.price_seen if x[AT.price_max] > 0 else VALUE.nothing_seen
    if x[AT.cart_items] > 0:
        points = next((of_cart for up_to, of_cart in _CART if x[AT.cart_value] <= up_to), VALUE.above)
    if x[AT.returning] == 1:
        points += VALUE.returning
    if x[AT.logged_in] == 1:
        points += VALUE.logged_in
    if x[AT.paid]:
        points += VALUE.paid
    return clamped(points)
