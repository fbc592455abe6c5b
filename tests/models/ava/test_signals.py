"""Frictions and signals, worked by hand on rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.ava import frictions, signals
from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

SECOND = 1_000
CHECKOUT_IDLE, CART_IDLE = 1 << 1, 1 << 2
F089, F068, F094, F028 = (1 << k for k in range(4))


def row(counts: dict[str, int] | None = None, lasts: dict[str, int] | None = None, **columns: Any) -> Any:
    """A row of a desktop visit that began at 0, on a page of type other; counts and last offsets by event type."""
    made = SESSION_LAYOUT.blank.copy()
    made["device"] = DEVICES.index("desktop")
    made["source"] = SOURCES.index("direct")
    made["page_type"] = PAGE_TYPES.index(columns.pop("page_type", "other"))
    for name, value in columns.items():
        made[name] = value
    for column, values in (("type_count", counts), ("type_last", lasts)):
        for name, value in (values or {}).items():
            made[column][0, EVENT_TYPES.index(name)] = value
    return made.view(KERNEL_DTYPE)[0]


@pytest.mark.parametrize(
    ("given", "detected"),
    [
        (row(), 0),
        (row(silent=CHECKOUT_IDLE, page_type="checkout"), F089),
        (row(silent=CHECKOUT_IDLE), 0),
        (row(silent=CART_IDLE, cart_items=1), F068),
        (row(silent=CART_IDLE), 0),
        (row({"payment_error": 2}), F094),
        (row({"payment_error": 2, "purchase": 1}), 0),
        (row({"payment_error": 1}), 0),
        (row(search_refinements=2), F028),
    ],
)
def test_frictions_hold_when_their_rule_does(given: Any, detected: int) -> None:
    """Each rule by itself."""
    assert frictions.detect(given) == detected


def test_frictions_are_listed_by_severity_then_id() -> None:
    """So that the first detected is the one an intervention names."""
    ranked = sorted(frictions.FRICTIONS, key=lambda f: (-f.severity, f.id))
    assert list(frictions.FRICTIONS) == ranked
    assert frictions.highest(F094 | F028) == 2
    assert frictions.highest(0) == frictions.NO_FRICTION


def test_intent_grows_with_the_funnel_and_with_time() -> None:
    """Checkout with a cart, five minutes in: (85 + 10 + 2 x 3) x 1.2, at most 100."""
    assert signals.intent(row(page_type="checkout", cart_items=1), 300 * SECOND) == 100
    assert signals.intent(row(page_type="category", pages=2), 240 * SECOND) == 25 + 6
    assert signals.intent(row(page_type="category", pages=2), 100 * 120 * SECOND) == 25 + 15


def test_a_bounce_lowers_intent() -> None:
    """x 0.7 with one page in the first 5 s."""
    assert signals.intent(row(page_type="product", pages=1), 4_999) == pytest.approx(45 * 0.7)
    assert signals.intent(row(page_type="product", pages=1), 5_000) == 45


def test_friction_is_the_highest_severity_and_more() -> None:
    """5 for each further friction."""
    assert signals.friction(0) == 0
    assert signals.friction(F028) == 65
    assert signals.friction(F068 | F028) == 85
    assert signals.friction(F089 | F068 | F094 | F028) == 100


def test_clarity_of_young_and_ambiguous_visits() -> None:
    """50 without frictions; two of nearly one severity in two categories cost 20."""
    old = 60 * SECOND
    assert signals.clarity(row(events=3), 0, old) == 50
    assert signals.clarity(row(events=2), 0, old - 1) == 50 - 15 - 10
    assert signals.clarity(row(events=3), F068 | F094, old) == 80
    assert signals.clarity(row(events=3), F089 | F094, old) == 100


def test_receptivity_falls_with_each_intervention() -> None:
    """-15 each shown, -25 each dismissed, -10 for the last one within 120 s; never below 0."""
    shown = row({"intervention_shown": 1}, {"intervention_shown": 10 * SECOND})
    assert signals.receptivity(row(), 600 * SECOND) == 80
    assert signals.receptivity(shown, 130 * SECOND - 1) == 55
    assert signals.receptivity(shown, 130 * SECOND) == 65
    assert signals.receptivity(row({"intervention_dismissed": 9}), 600 * SECOND) == 0


@pytest.mark.parametrize(
    ("cart_value", "points"), [(0, 15), (20, 15), (20.01, 30), (50, 30), (100, 50), (200, 70), (500, 85), (501, 95)]
)
def test_value_by_cart(cart_value: float, points: float) -> None:
    """Each bound belongs to the lower step."""
    assert signals.value(row(cart_items=1, cart_value=np.float32(cart_value))) == points


def test_value_without_a_cart() -> None:
    """35 where a price was seen, 15 otherwise; the visitor and the source add."""
    assert signals.value(row()) == 15
    assert signals.value(row(price_count=1, returning=1, logged_in=1, source=SOURCES.index("paid"))) == 35 + 30
