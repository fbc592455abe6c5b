"""Section 6: evaluation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.config import Config
from tests.reference.evaluation import (
    F028,
    F068,
    F089,
    F094,
    Evaluation,
    Friction,
    clamp,
    clarity_of,
    evaluate,
    friction_of,
    frictions_of,
    tier_of,
)
from tests.reference.make import T0, at, event, fold, pass_time, record_all, visit_after
from tests.reference.symbols import Event, field_types

READY: dict[str, Any] = {"page_type": "checkout", "cart_items": 1, "cart_value": 900.0}
"""What an event at checkout says of a full cart."""


def evaluated(*events: Event, seconds: float) -> Evaluation:
    """The evaluation of a visit after these events, at that second."""
    return evaluate(visit_after(*events), at(seconds))


def silent_after(seconds: float, *events: Event) -> list[str]:
    """The frictions detected when the watermark stands at that second, and nothing came."""
    partition = fold(*events)
    pass_time(partition, seconds)
    return [friction.friction_id for friction in frictions_of(partition.live["s"])]


def two_pages(**fields: Any) -> list[Event]:
    """A visit of two pages and three events, so that it neither bounces nor is poor in events."""
    views = [event("page_view", 0, page_id=page, **fields) for page in ("/a", "/b")]
    return [*views, event("scroll", 0, **fields)]


def test_the_frictions() -> None:
    """Id, category and severity of each friction are those of the table."""
    assert Friction("F089", "checkout", 90) == F089
    assert Friction("F068", "cart", 80) == F068
    assert Friction("F094", "checkout", 75) == F094
    assert Friction("F028", "search", 65) == F028


def test_f089_holds_while_checkout_is_silent() -> None:
    """After 300 s of silence on a checkout page, until the next activity."""
    checkout = event("click", page_type="checkout")
    assert silent_after(302, checkout) == ["F089"]
    assert silent_after(301, checkout) == []
    assert silent_after(302, checkout, event("click", 302, page_type="checkout")) == []
    assert silent_after(302, checkout, event("page_ping", 302)) == ["F089"]


def test_f068_holds_while_the_cart_is_silent() -> None:
    """After 600 s of silence with something in the cart, while it is there."""
    full = event("click", cart_items=1)
    assert silent_after(602, full) == ["F068"]
    partition = fold(full)
    pass_time(partition, 602)
    record_all(partition, event("page_ping", 602, cart_items=0))
    assert frictions_of(partition.live["s"]) == []


def test_f094_holds_after_two_payment_errors() -> None:
    """Two payment errors without a purchase."""
    errors = [event("payment_error") for _ in range(2)]
    assert frictions_of(visit_after(errors[0])) == []
    assert frictions_of(visit_after(*errors)) == [F094]
    assert frictions_of(visit_after(*errors, event("purchase"))) == []


def test_f028_holds_after_two_refinements() -> None:
    """Three searches with nothing found between."""
    assert frictions_of(visit_after(*(event("search") for _ in range(2)))) == []
    assert frictions_of(visit_after(*(event("search") for _ in range(3)))) == [F028]


@pytest.mark.parametrize(
    ("page_type", "intent"),
    [
        ("landing", 10),
        ("category", 25),
        ("search_results", 30),
        ("product", 45),
        ("cart", 70),
        ("checkout", 85 * 1.2),
        ("account", 20),
        ("other", 15),
    ],
)
def test_intent_by_page_type(page_type: str, intent: float) -> None:
    """The page type sets the base, checkout raises it by a fifth, a bounce lowers it by three tenths."""
    assert evaluated(*two_pages(page_type=page_type), seconds=0).intent == clamp(intent)
    bouncing = evaluated(event("page_view", page_type=page_type), seconds=4.999).intent
    assert bouncing == clamp(intent * 0.7)
    assert evaluated(event("page_view", page_type=page_type), seconds=5).intent == clamp(intent)


@pytest.mark.parametrize(
    ("further", "intent"),
    [
        (event("click", cart_items=1), 20),
        (event("click", logged_in=True), 15),
        (event("click", logged_in=False), 10),
        (event("click", returning=True), 18),
        (event("add_to_wishlist"), 15),
        (event("input"), 10),
    ],
)
def test_intent_by_what_the_visitor_did(further: Event, intent: float) -> None:
    """Cart, login, return and wishlist add to a landing page's 10."""
    assert evaluated(*two_pages(), further, seconds=0).intent == intent


def test_intent_by_inputs_at_checkout() -> None:
    """An input at checkout adds 10, before a checkout page multiplies."""
    touched = event("input", page_type="checkout")
    assert evaluated(*two_pages(), touched, event("click"), seconds=0).intent == 20
    assert evaluated(touched, seconds=0).intent == pytest.approx((85 + 10) * 1.2 * 0.7)


@pytest.mark.parametrize(("seconds", "more"), [(119.999, 0), (120, 3), (240, 6), (599, 12), (600, 15), (6_000, 15)])
def test_intent_by_age(seconds: float, more: int) -> None:
    """3 for each full 120 s, at most 15."""
    assert evaluated(*two_pages(), seconds=seconds).intent == 10 + more


def test_friction_is_the_highest_and_5_for_each_further() -> None:
    """0 where none, the highest severity, 5 more for each further one, 15 at most."""
    assert friction_of([]) == 0
    assert friction_of([F068]) == 80
    assert friction_of([F068, F094]) == 85
    assert friction_of([F068, F094, F028]) == 90
    assert clamp(friction_of([F089, F068, F094, F028])) == 100
    assert friction_of([F028] * 5) == 80


@pytest.mark.parametrize(
    ("detected", "clarity"),
    [
        ([], 50),
        ([F028], 100),
        ([F089, F068], 100),
        ([F068, F094], 80),
        ([F089, F094], 100),
        ([F089, F068, F094], 115),
        ([F068, F094, F028], 95),
        ([Friction("F001", "a", 60), Friction("F002", "a", 60)], 100),
        ([Friction("F001", "a", 60), Friction("F002", "b", 54)], 100),
    ],
)
def test_clarity_by_frictions(detected: list[Friction], clarity: float) -> None:
    """100 or 50, 15 more for three, 20 less where the two highest are close and of different categories."""
    assert clarity_of(visit_after(*two_pages()), at(60), detected) == clarity


def test_clarity_by_what_is_known() -> None:
    """15 less in the first minute, 10 less for one or two events."""
    assert evaluated(*two_pages(), seconds=59.999).clarity == 35
    assert evaluated(*two_pages(), seconds=60).clarity == 50
    assert evaluated(*two_pages()[:2], seconds=60).clarity == 40


@pytest.mark.parametrize(
    ("further", "seconds", "receptivity"),
    [
        ([event("click")], 0, 80),
        ([event("intervention_shown")], 120, 65),
        ([event("intervention_shown")], 119.999, 55),
        ([event("intervention_shown"), event("intervention_shown")], 120, 50),
        ([event("intervention_dismissed")], 0, 55),
        ([event("page_view", page_id="/c")], 14.999, 70),
        ([event("page_view", page_id="/c")], 15, 80),
        ([event("exit_intent")], 0, 80),
        ([event("exit_intent", cart_items=1)], 0, 50),
        ([event("intervention_clicked")], 0, 90),
        ([event("intervention_clicked"), event("intervention_clicked")], 0, 90),
        ([event("click", prior_conversion=True)], 0, 85),
        ([event("click", prior_conversion=False)], 0, 80),
        ([event("click", returning=False)], 0, 85),
        ([event("click", returning=True)], 0, 80),
        ([event("intervention_dismissed") for _ in range(4)], 0, 0),
    ],
)
def test_receptivity(further: list[Event], seconds: float, receptivity: float) -> None:
    """80, less for what annoyed, more for what was welcome, never below 0."""
    assert evaluated(*two_pages(), *further, seconds=seconds).receptivity == receptivity


def test_receptivity_by_device_and_silence() -> None:
    """5 less on a mobile; 10 more while idle_60 is silent."""
    partition = fold(*two_pages(device="mobile"))
    assert evaluate(partition.live["s"], T0).receptivity == 75
    pass_time(partition, 62)
    assert evaluate(partition.live["s"], at(62)).receptivity == 85
    record_all(partition, event("click", 62))
    assert evaluate(partition.live["s"], at(62)).receptivity == 75


@pytest.mark.parametrize(
    ("cart_value", "value"),
    [
        (0.0, 15),
        (20.0, 15),
        (20.01, 30),
        (50.0, 30),
        (50.01, 50),
        (100.0, 50),
        (100.01, 70),
        (200.0, 70),
        (200.01, 85),
        (500.0, 85),
        (500.01, 95),
    ],
)
def test_value_by_cart(cart_value: float, value: float) -> None:
    """With something in the cart its value decides, each bound belonging to the lower step."""
    assert evaluated(event("click", cart_items=1, cart_value=cart_value), seconds=0).value == value


def test_value_without_a_cart() -> None:
    """Without a cart a price seen on a view_item counts 35, even of 0, else 15."""
    assert evaluated(event("click", cart_items=0, cart_value=900.0, price=5.0), seconds=0).value == 15
    assert evaluated(event("view_item", price=5.0), seconds=0).value == 35
    assert evaluated(event("view_item", price=0.0), seconds=0).value == 35


def test_value_by_visitor() -> None:
    """15 more for one who returns, 10 for one logged in, 5 for paid traffic, never above 100."""
    assert evaluated(event("click", returning=True), seconds=0).value == 30
    assert evaluated(event("click", logged_in=True), seconds=0).value == 25
    assert evaluated(event("click", source="paid"), seconds=0).value == 20
    rich = event("click", returning=True, logged_in=True, source="paid", cart_items=1, cart_value=900.0)
    assert evaluated(rich, seconds=0).value == 100


@pytest.mark.parametrize(
    ("composite", "tier"),
    [
        (0, "MONITOR"),
        (29, "MONITOR"),
        (29.001, "PASSIVE"),
        (49, "PASSIVE"),
        (49.001, "NUDGE"),
        (64, "NUDGE"),
        (64.001, "ACTIVE"),
        (79, "ACTIVE"),
        (79.001, "ESCALATE"),
        (100, "ESCALATE"),
    ],
)
def test_each_bound_belongs_to_the_lower_tier(composite: float, tier: str) -> None:
    """29, 49, 64 and 79 are the last of their tier."""
    assert tier_of(composite) == tier


def test_an_intervention_worked_by_hand() -> None:
    """A cart left for ten minutes on a product page: every figure of the intervention."""
    partition = fold(
        event("page_view", 0, page_type="product"), event("add_to_cart", 10, page_type="product", price=30.0)
    )
    pass_time(partition, 612)
    assert partition.interventions == [
        {
            "intervention_id": f"s:{T0}:ACTIVE",
            "site_id": "shop",
            "session_id": "s",
            "visit_started_at": T0,
            "decided_at": at(610),
            "tier": "ACTIVE",
            "composite": pytest.approx(73.5),
            "intent": 45 + 10 + 15,
            "friction": 80,
            "clarity": 100 - 10,
            "receptivity": 80 + 10,
            "value": 30,
            "friction_id": "F068",
            "trigger": "timer",
        }
    ]
    assert list(partition.interventions[0]) == list(field_types("intervention"))


def test_an_intervention_by_an_event() -> None:
    """Two payment errors within a minute: intent 100, friction 75, clarity 85, receptivity 80, value 15."""
    errors = [event("payment_error", 50, page_type="checkout") for _ in range(2)]
    partition = fold(event("page_view", 0, page_type="checkout"), *errors)
    (made,) = partition.interventions
    assert made["composite"] == pytest.approx(25 + 18.75 + 12.75 + 16 + 2.25)
    assert (made["tier"], made["trigger"], made["friction_id"]) == ("ACTIVE", "event", "F094")


def test_without_friction_no_id_is_named() -> None:
    """An intervention may rest on the other signals alone: intent (85 + 10) x 1.2 x 0.7, clarity 25, value 95."""
    (made,) = fold(event("page_view", **READY)).interventions
    assert made["composite"] == pytest.approx(0.25 * 79.8 + 0.15 * 25 + 0.20 * 80 + 0.15 * 95)
    assert (made["tier"], made["friction_id"]) == ("NUDGE", None)


def test_a_tier_is_emitted_once_a_visit() -> None:
    """The same tier again is not emitted, another one is, and another visit begins anew."""
    partition = fold(*two_pages(**READY), event("click", 30, **READY), event("click", 31, **READY))
    assert [made["tier"] for made in partition.interventions] == ["NUDGE"]
    pass_time(partition, 93)
    assert [made["tier"] for made in partition.interventions] == ["NUDGE", "ACTIVE"]
    pass_time(partition, 333)
    record_all(partition, event("click", 340, **READY))
    assert [made["tier"] for made in partition.interventions] == ["NUDGE", "ACTIVE", "ESCALATE"]
    record_all(partition, event("page_view", 340, session_id="other", **READY))
    assert [made["session_id"] for made in partition.interventions] == ["s", "s", "s", "other"]


def test_the_highest_friction_is_named() -> None:
    """Of several frictions detected the one of the highest severity is named."""
    searches = [event("search", 0) for _ in range(3)]
    errors = [event("payment_error", 50) for _ in range(2)]
    assert evaluated(*searches, *errors, seconds=50).friction_id == "F094"
    assert evaluated(*searches, seconds=50).friction_id == "F028"


def test_without_personalization_nothing_is_decided() -> None:
    """The consent of the last folded event decides, for events and for timers."""
    no_scores = {"analytics": True, "personalization": False}
    errors = [event("payment_error", 50, page_type="checkout", consent=no_scores) for _ in range(2)]
    partition = fold(event("page_view", 0, page_type="checkout", cart_items=1), *errors)
    pass_time(partition, 700)
    assert not partition.interventions
    assert [timer.name for timer in partition.timers] == ["idle_60", "checkout_idle_300", "cart_idle_600"]
    record_all(partition, event("click", 700, page_type="checkout"))
    assert partition.interventions


def test_a_capped_event_is_not_evaluated() -> None:
    """A capped event leads to no evaluation; the timers of a capped visit do."""
    errors = [event("payment_error", 50, page_type="checkout") for _ in range(3)]
    partition = fold(event("page_view", 0, page_type="checkout"), *errors, config=Config(cap=1))
    assert not partition.interventions
    pass_time(partition, 302)
    told = [(made["tier"], made["trigger"]) for made in partition.interventions]
    assert told == [("NUDGE", "timer"), ("ESCALATE", "timer")]
