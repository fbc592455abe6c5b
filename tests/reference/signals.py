"""The five signals of the rule engine, 0-100 (DOMAIN.md, 7; docs/live.md, section 2).

In float64, sums in the order of the page; features as float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.reference.history import within
from tests.reference.moment import age_s

if TYPE_CHECKING:
    from tests.reference.catalog import Friction
    from tests.reference.visit import Visit

SIGNALS = ("intent", "friction", "clarity", "receptivity", "value")
BY_PAGE_TYPE = {
    "landing": 10.0,
    "category": 25.0,
    "search_results": 30.0,
    "product": 45.0,
    "cart": 70.0,
    "checkout": 85.0,
    "account": 20.0,
    "other": 15.0,
}
BY_CART = ((20, 15.0), (50, 30.0), (100, 50.0), (200, 70.0), (500, 85.0))
"""Up to this cart value, so many points."""
ABOVE = 95.0


def clamped(points: float) -> float:
    """Within 0-100."""
    return min(max(points, 0.0), 100.0)


def intent(visit: Visit, now: int) -> float:
    """How close the visitor is to buying."""
    age = age_s(visit, now)
    points = BY_PAGE_TYPE[visit.page_type]
    if visit.cart.items > 0:
        points += 10
    if visit.logged_in:
        points += 5
    if visit.returning:
        points += 8
    points += min(3 * (age // 120), 15)
    if visit.count("add_to_wishlist") > 0:
        points += 5
    if visit.forms.checkout_inputs > 0:
        points += 10
    if visit.page_type == "checkout":
        points *= 1.2
    if visit.pages.pages <= 1 and age < 5:
        points *= 0.7
    return clamped(points)


def friction(found: list[Friction]) -> float:
    """How much hinders the visitor; the frictions found come by falling severity."""
    if not found:
        return 0.0
    return clamped(found[0].severity + min(5 * (len(found) - 1), 15))


def clarity(visit: Visit, now: int, found: list[Friction]) -> float:
    """How clear it is what hinders the visitor."""
    points = 50.0
    if found:
        points = 100 * _mean_confidence(found)
    if len(found) >= 3:
        points += 15
    if age_s(visit, now) < 60:
        points -= 15
    if visit.events <= 2:
        points -= 10
    if len(found) >= 2:
        first, second = found[:2]
        if first.severity - second.severity <= 5 and first.category != second.category:
            points -= 20
    return clamped(points)


def _mean_confidence(found: list[Friction]) -> float:
    total = 0.0
    # Not by sum(), which corrects for rounding: from left to right, as the page says.
    for one in found:
        total += one.confidence
    return total / len(found)


def receptivity(visit: Visit, now: int) -> float:
    """How ready the visitor is to be spoken to."""
    pages = visit.pages.pages
    points = 80.0 - 15 * visit.history.loud
    points -= 25 * visit.count("intervention_dismissed")
    if _spoken_to(visit, now):
        points -= 10
    if pages >= 3 and age_s(visit, now) < 5 * pages:
        points -= 10
    if visit.device == "mobile":
        points -= 5
    if visit.cart.exits > 0:
        points -= 30
    if visit.count("intervention_clicked") > 0:
        points += 10
    if "idle_60" in visit.timers.silent:
        points += 10
    if visit.prior_conversion:
        points += 5
    if visit.returning is False:
        points += 5
    return clamped(points)


def _spoken_to(visit: Visit, now: int) -> bool:
    """Whether the last decision above PASSIVE is less than 120 s ago; after an ESCALATE any decision stands for it."""
    past = visit.history
    if past.escalate and within(past.at, now, 120):
        return True
    return within(past.active_at, now, 120) or within(past.nudge_at, now, 120)


def value(visit: Visit) -> float:
    """What the visit may be worth."""
    points = 35.0 if visit.products.price_max > 0 else 15.0
    if visit.cart.items > 0:
        points = next((of for up_to, of in BY_CART if visit.cart.value <= up_to), ABOVE)
    if visit.returning:
        points += 15
    if visit.logged_in:
        points += 10
    if visit.source == "paid":
        points += 5
    return clamped(points)
