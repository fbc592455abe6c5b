"""The five signals on rows of features, worked by hand from DOMAIN 7 and docs/live.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ava.catalog import installed_catalog
from models.ava.deciding import Policy
from models.ava.history import members
from models.signals import SIGNALS
from tests.models.ava.cases import CALM, CART, CHECKOUT, IDLE_CHECKOUT, past, row_of, verdict

INTENT, FRICTION, CLARITY, RECEPTIVITY, VALUE = range(len(SIGNALS))
NO_PAGE = {"page_type.category": 0}


@pytest.mark.parametrize(
    ("features", "points"),
    [
        ({**NO_PAGE, "page_type.landing": 1, "age_s": 60}, 10),
        ({"age_s": 60}, 25),
        ({**NO_PAGE, "page_type.search_results": 1, "age_s": 60}, 30),
        ({**NO_PAGE, "page_type.product": 1, "age_s": 60}, 45),
        ({**NO_PAGE, "page_type.cart": 1, "age_s": 60}, 70),
        ({**NO_PAGE, "page_type.checkout": 1, "age_s": 60}, 100),
        ({**NO_PAGE, "page_type.account": 1, "age_s": 60}, 20),
        ({**NO_PAGE, "page_type.other": 1, "age_s": 60}, 15),
        ({"age_s": 60, "cart_items": 1}, 35),
        ({"age_s": 60, "logged_in": 1, "returning": 1}, 38),
        ({"age_s": 60, "logged_in": 0, "returning": 0}, 25),
        ({"age_s": 119.9}, 25),
        ({"age_s": 120}, 28),
        ({"age_s": 599}, 37),
        ({"age_s": 6000}, 40),
        ({"age_s": 60, "count.add_to_wishlist": 2}, 30),
        ({"age_s": 60, "checkout_inputs": 1}, 35),
        ({"age_s": 4.9, "pages": 1}, 17.5),
        ({"age_s": 5, "pages": 1}, 25),
        ({"age_s": 4.9, "pages": 2}, 25),
        ({**NO_PAGE, "page_type.checkout": 1, "age_s": 1, "pages": 1}, 71.4),
    ],
)
def test_intent(features: dict[str, float], points: float) -> None:
    """Page type, cart, visitor, time, wishlist, checkout form; times 1.2 on checkout and .7 when bouncing."""
    assert verdict(row_of(features)).rule[0, INTENT] == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize(
    ("features", "found", "friction", "clarity"),
    [
        ({}, [], 0, 50),
        ({"age_s": 59}, [], 0, 35),
        ({"events": 2}, [], 0, 40),
        ({"search_refinements": 2}, [28], 65, 100),
        # Quick backs (44) beside: 65 + 5; 21 apart.
        ({"search_refinements": 2, "quick_backs": 2}, [13, 28], 70, 100),
        # Refinements 65 and toggles 65, from two categories: ambiguous.
        ({"search_refinements": 2, "product_toggles": 4}, [28, 297], 70, 80),
        # F161 72, F164 66, F162 60 of one category: 72 + 10; three agree.
        ({"technical_error": 1, "error_clicks": 1, "rage_clicks": 2}, [161, 162, 164], 82, 100),
        # F278 (.7) and F148 (1.0) on a phone: mean .85, severities 46 and 42 of two categories.
        ({"device.mobile": 1, "device.desktop": 0, "count.form_error": 5}, [148, 278], 51, 65),
        # Six frictions add 15 at most.
        (
            {"technical_error": 1, "error_clicks": 1, "rage_clicks": 2, "count.slow_response": 3, "dead_clicks": 3,
             "quick_backs": 2},
            [13, 15, 161, 162, 163, 164],
            87,
            100,
        ),
    ],
)  # fmt: skip
def test_friction_and_clarity(features: dict[str, float], found: list[int], friction: float, clarity: float) -> None:
    """Highest severity and 5 for each further one; mean confidence, agreement, age, events, ambiguity."""
    of = verdict(row_of(features))
    assert members(of.detected[0]) == found
    assert of.rule[0, FRICTION] == friction
    assert of.rule[0, CLARITY] == pytest.approx(clarity, abs=1e-9)


@pytest.mark.parametrize(
    ("features", "points"),
    [
        ({}, 80),
        # What the page showed may have been PASSIVE; the history says what was not.
        ({"count.intervention_shown": 2, "shown_s": 60}, 80),
        ({"count.intervention_dismissed": 2}, 30),
        ({"pages": 3, "age_s": 14}, 70),
        ({"pages": 3, "age_s": 15}, 80),
        ({"pages": 2, "age_s": 1}, 80),
        ({"device.mobile": 1}, 75),
        ({"exit_with_cart": 1}, 50),
        ({"count.intervention_clicked": 1, "silent.idle_60": 1}, 100),
        ({"prior_conversion": 1, "returning": 0}, 90),
        ({"prior_conversion": 0, "returning": 1}, 80),
        ({"count.intervention_dismissed": 9}, 0),
    ],
)
def test_receptivity(features: dict[str, float], points: float) -> None:
    """What was dismissed, haste, phone, leaving with a cart; interest, idleness, history."""
    assert verdict(row_of(features)).rule[0, RECEPTIVITY] == points


@pytest.mark.parametrize(
    ("history", "points"),
    [
        ({"decisions": 3, "since_any_s": 10}, 80),
        ({"loud": 2, "nudge": 2, "since_nudge_s": 120}, 50),
        ({"loud": 1, "nudge": 1, "since_nudge_s": 119}, 55),
        ({"loud": 2, "nudge": 1, "active": 1, "since_nudge_s": 300, "since_active_s": 0}, 40),
        # A PASSIVE decision after a NUDGE is not the last one above PASSIVE.
        ({"decisions": 2, "loud": 1, "nudge": 1, "since_nudge_s": 300, "since_any_s": 60}, 65),
        # Of an ESCALATE no time is kept but that of the last decision.
        ({"loud": 1, "since_any_s": 119}, 55),
        ({"loud": 1, "since_any_s": 120}, 65),
        ({"loud": 255, "nudge": 255, "active": 255, "since_any_s": 500}, 0),
    ],
)
def test_receptivity_counts_decisions_above_passive(history: dict[str, Any], points: float) -> None:
    """-15 each, whatever their result, and -10 where the last one is less than 120 s ago."""
    assert verdict(row_of(CALM), past(**history)).rule[0, RECEPTIVITY] == points


@pytest.mark.parametrize(
    ("features", "points"),
    [
        ({}, 15),
        ({"price_max": 9}, 35),
        ({"cart_items": 1, "cart_value": 20}, 15),
        ({"cart_items": 1, "cart_value": 20.01}, 30),
        ({"cart_items": 1, "cart_value": 50}, 30),
        ({"cart_items": 1, "cart_value": 100}, 50),
        ({"cart_items": 1, "cart_value": 200}, 70),
        ({"cart_items": 1, "cart_value": 500}, 85),
        ({"cart_items": 1, "cart_value": 501, "price_max": 9}, 95),
        ({"returning": 1, "logged_in": 1, "source.paid": 1}, 45),
        ({"cart_items": 1, "cart_value": 900, "returning": 1}, 100),
    ],
)
def test_value(features: dict[str, float], points: float) -> None:
    """By cart, else by a price seen; visitor and traffic."""
    assert verdict(row_of(features)).rule[0, VALUE] == points


@pytest.mark.parametrize(
    ("features", "number", "holds"),
    [
        (IDLE_CHECKOUT, 89, True),
        ({**IDLE_CHECKOUT, "count.purchase": 1}, 89, False),
        ({**IDLE_CHECKOUT, "page_type.checkout": 0}, 89, False),
        (CHECKOUT, 89, False),
        ({**CART, "silent.cart_idle_600": 1}, 68, True),
        ({"silent.cart_idle_600": 1}, 68, False),
        ({"count.payment_error": 2}, 94, True),
        ({"count.payment_error": 1}, 94, False),
        ({"count.payment_error": 2, "count.purchase": 1}, 94, False),
        ({"search_refinements": 2}, 28, True),
        ({"search_refinements": 1}, 28, False),
    ],
)
def test_the_first_four_rules_stand(features: dict[str, float], number: int, holds: bool) -> None:
    """F089, F068, F094 and F028: each when it holds, and when one of its terms does not."""
    assert (number in members(verdict(row_of(features)).detected[0])) == holds


adjustment = st.lists(st.floats(-200, 200, width=32), min_size=5, max_size=5)


@given(adjustment, st.floats(0, 100))
def test_the_scorer_moves_signals_within_its_bound(adjustments: list[float], bound: float) -> None:
    """final = clamp(rule + clip(adjustment, -bound, bound)); the rule's value stays as it was."""
    of = verdict(row_of(CHECKOUT), policy=Policy(installed_catalog(), bound=bound), adjustments=adjustments)
    moved = np.clip(np.array(adjustments, np.float32).astype(np.float64), -bound, bound)
    assert of.final[0].tolist() == np.clip(of.rule[0] + moved, 0, 100).tolist()
    assert of.rule[0].tolist() == verdict(row_of(CHECKOUT)).rule[0].tolist()


def test_a_shadow_moves_nothing_and_no_number_adds_nothing() -> None:
    """A bound of 0 leaves the rules alone; an adjustment that is no number counts as 0."""
    shadow = verdict(row_of(CALM), adjustments=[50, -50, 9, 9, 9])
    assert shadow.final.tolist() == shadow.rule.tolist()
    broken = verdict(row_of(CALM), policy=Policy(installed_catalog(), bound=10), adjustments=[float("nan")] * 5)
    assert broken.final.tolist() == broken.rule.tolist()
