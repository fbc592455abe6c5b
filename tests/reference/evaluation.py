"""Frictions, signals, composite and tier of a visit (docs/fold.md, section 6)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.visit import Visit

SECOND = 1_000
INTENT_OF_PAGE = {
    "landing": 10,
    "category": 25,
    "search_results": 30,
    "product": 45,
    "cart": 70,
    "checkout": 85,
    "account": 20,
    "other": 15,
}
VALUE_OF_CART = ((20, 15), (50, 30), (100, 50), (200, 70), (500, 85))
VALUE_ABOVE = 95
TIERS = ((29, "MONITOR"), (49, "PASSIVE"), (64, "NUDGE"), (79, "ACTIVE"))
TIER_ABOVE = "ESCALATE"
EMITTED = frozenset(("NUDGE", "ACTIVE", "ESCALATE"))


@dataclass(frozen=True)
class Friction:
    """A detected friction."""

    friction_id: str
    category: str
    severity: int


F089 = Friction("F089", "checkout", 90)
F068 = Friction("F068", "cart", 80)
F094 = Friction("F094", "checkout", 75)
F028 = Friction("F028", "search", 65)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Signals and composite, 0-100, and what follows from them."""

    intent: float
    friction: float
    clarity: float
    receptivity: float
    value: float
    composite: float
    tier: str
    friction_id: str | None


def evaluate(visit: Visit, now: int) -> Evaluation:
    """Evaluate a visit as it stands, at `now` in ms since the epoch."""
    detected = frictions_of(visit)
    intent = clamp(intent_of(visit, now))
    friction = clamp(friction_of(detected))
    clarity = clamp(clarity_of(visit, now, detected))
    receptivity = clamp(receptivity_of(visit, now))
    value = clamp(value_of(visit))
    composite = 0.25 * intent + 0.25 * friction + 0.15 * clarity + 0.20 * receptivity + 0.15 * value
    friction_id = detected[0].friction_id if detected else None
    return Evaluation(intent, friction, clarity, receptivity, value, composite, tier_of(composite), friction_id)


def clamp(signal: float) -> float:
    """The signal, at least 0 and at most 100."""
    return min(100.0, max(0.0, signal))


def tier_of(composite: float) -> str:
    """The tier of a composite; each bound belongs to the lower tier."""
    for bound, tier in TIERS:
        if composite <= bound:
            return tier
    return TIER_ABOVE


def frictions_of(visit: Visit) -> list[Friction]:
    """The frictions detected, highest severity first."""
    detected = []
    idle_at_checkout = "checkout_idle_300" in visit.timers.silent and visit.page_type == "checkout"
    if idle_at_checkout and visit.count("purchase") == 0:
        detected.append(F089)
    if "cart_idle_600" in visit.timers.silent and visit.cart.items > 0:
        detected.append(F068)
    if visit.count("payment_error") >= 2 and visit.count("purchase") == 0:
        detected.append(F094)
    if visit.searches.refinements >= 2:
        detected.append(F028)
    return detected


def intent_of(visit: Visit, now: int) -> float:
    """How close the visitor is to buying."""
    age = now - visit.start
    intent: float = INTENT_OF_PAGE[visit.page_type]
    if visit.cart.items > 0:
        intent += 10
    if visit.logged_in:
        intent += 5
    if visit.returning:
        intent += 8
    intent += min(15, 3 * (age // (120 * SECOND)))
    if visit.count("add_to_wishlist") > 0:
        intent += 5
    if visit.forms.checkout_inputs > 0:
        intent += 10
    if visit.page_type == "checkout":
        intent *= 1.2
    if visit.pages.pages <= 1 and age < 5 * SECOND:
        intent *= 0.7
    return intent


def friction_of(detected: list[Friction]) -> float:
    """How much hinders the visitor."""
    if not detected:
        return 0.0
    return detected[0].severity + min(15, 5 * (len(detected) - 1))


def clarity_of(visit: Visit, now: int, detected: list[Friction]) -> float:
    """How sure we are of what hinders the visitor."""
    clarity = 100.0 if detected else 50.0
    if len(detected) >= 3:
        clarity += 15
    if now - visit.start < 60 * SECOND:
        clarity -= 15
    if visit.events <= 2:
        clarity -= 10
    if len(detected) >= 2:
        highest, second = detected[:2]
        if highest.severity - second.severity <= 5 and highest.category != second.category:
            clarity -= 20
    return clarity


def receptivity_of(visit: Visit, now: int) -> float:
    """How welcome an intervention would be."""
    receptivity = 80.0
    receptivity -= 15 * visit.count("intervention_shown")
    receptivity -= 25 * visit.count("intervention_dismissed")
    shown = visit.types.last.get("intervention_shown")
    if shown is not None and now - (visit.start + shown) < 120 * SECOND:
        receptivity -= 10
    if visit.pages.pages >= 3 and now - visit.start < 5 * SECOND * visit.pages.pages:
        receptivity -= 10
    if visit.device == "mobile":
        receptivity -= 5
    if visit.cart.exits > 0:
        receptivity -= 30
    if visit.count("intervention_clicked") > 0:
        receptivity += 10
    if "idle_60" in visit.timers.silent:
        receptivity += 10
    if visit.prior_conversion:
        receptivity += 5
    if visit.returning is False:
        receptivity += 5
    return receptivity


def value_of(visit: Visit) -> float:
    """How much is at stake."""
    without_cart = 35 if visit.products.prices > 0 else 15
    value = value_of_cart(visit.cart.value) if visit.cart.items > 0 else without_cart
    if visit.returning:
        value += 15
    if visit.logged_in:
        value += 10
    if visit.source == "paid":
        value += 5
    return value


def value_of_cart(cart_value: float) -> int:
    """Value by what is in the cart; each bound belongs to the lower step."""
    for bound, value in VALUE_OF_CART:
        if cart_value <= bound:
            return value
    return VALUE_ABOVE
