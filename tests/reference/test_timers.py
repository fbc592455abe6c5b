"""Section 3: timers of silence, and closing."""

from __future__ import annotations

import pytest

from tests.reference.config import Config
from tests.reference.fold import PartitionFold
from tests.reference.make import T0, at, event, fired, fold, pass_time, record_all
from tests.reference.symbols import EVENT_TYPES, Event
from tests.reference.timers import Timers

SILENT_TYPES = {"page_ping", "visibility_hidden", "js_error", "slow_response", "intervention_shown", "consent_changed"}
EMPTY_CARD = {"field": "card_number", "filled": False, "page_type": "checkout"}


def fired_after(seconds: float, *events: Event) -> list[tuple[str, float]]:
    """The timers fired once the watermark stands at that second."""
    partition = fold(*events)
    pass_time(partition, seconds)
    return fired(partition)


def test_a_timer_fires_when_the_watermark_has_passed_it_by_the_slack() -> None:
    """Deadline + 2 s is soon enough, a millisecond less is not."""
    assert fired_after(61.999, event("click")) == []
    assert fired_after(62, event("click")) == [("idle_60", 60)]


def test_idle_60_is_always_armed() -> None:
    """A visit silent for 60 s fires idle_60, once per silence."""
    partition = fold(event("click", 0))
    pass_time(partition, 100)
    pass_time(partition, 200)
    record_all(partition, event("click", 200))
    pass_time(partition, 300)
    assert fired(partition) == [("idle_60", 60), ("idle_60", 260)]
    assert partition.live["s"].features()["timer.idle_60"] == 2


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_activity_ends_a_silence(kind: str) -> None:
    """Every type but six re-arms the idle timers and clears what they said."""
    partition = fold(event("click", 0))
    pass_time(partition, 62)
    record_all(partition, event(kind, 70))
    visit = partition.live["s"]
    ends = kind not in SILENT_TYPES
    assert visit.timers.silent == (set() if ends else {"idle_60"})
    assert visit.timers.active == (at(70) if ends else T0)
    assert visit.last == at(70)
    assert visit.features()["silence_s"] == (0 if ends else 70)


def test_activity_out_of_order_ends_a_silence_too() -> None:
    """Activity stamped before the last one re-arms the timers without moving their deadline."""
    partition = fold(event("click", 10))
    pass_time(partition, 72)
    record_all(partition, event("click", 12))
    record_all(partition, event("click", 11))
    pass_time(partition, 74)
    assert fired(partition) == [("idle_60", 70), ("idle_60", 72)]


def test_checkout_idle_300_needs_a_checkout_page() -> None:
    """300 s of silence fire where the last activity was on a checkout page."""
    assert fired_after(302, event("click", page_type="checkout")) == [("idle_60", 60), ("checkout_idle_300", 300)]
    assert fired_after(302, event("click", page_type="cart")) == [("idle_60", 60)]
    ping = event("page_ping", 5, page_type="checkout")
    assert fired_after(302, event("click", page_type="cart"), ping) == [("idle_60", 60)]


def test_cart_timers_need_something_in_the_cart() -> None:
    """600 s and 1,800 s of silence fire while something is in the cart."""
    full = event("click", cart_items=1)
    assert fired_after(602, full) == [("idle_60", 60), ("cart_idle_600", 600)]
    assert fired_after(1_802, full) == [("idle_60", 60), ("cart_idle_600", 600), ("cart_idle_1800", 1_800)]
    assert fired_after(1_802, event("click", cart_items=0)) == [("idle_60", 60)]


def test_armed_is_judged_when_a_timer_would_fire() -> None:
    """A ping that empties the cart disarms its timers; one that fills it lets those overdue fire."""
    emptied = event("page_ping", 500, cart_items=0)
    assert fired_after(700, event("click", cart_items=1), emptied) == [("idle_60", 60)]
    filled = event("page_ping", 650, cart_items=1)
    assert fired_after(652, event("click"), filled) == [("idle_60", 60), ("cart_idle_600", 600)]


def test_payment_field_30_fires_once_for_a_field_left_empty() -> None:
    """30 s after an empty payment input it fires and disarms."""
    partition = fold(event("input", 5, **EMPTY_CARD))
    pass_time(partition, 37)
    pass_time(partition, 59)
    assert fired(partition) == [("payment_field_30", 35)]
    record_all(partition, event("input", 59, **EMPTY_CARD))
    pass_time(partition, 91)
    assert fired(partition) == [("payment_field_30", 35), ("payment_field_30", 89)]


@pytest.mark.parametrize(
    ("field", "filled", "fires"),
    [
        ("card", False, True),
        ("payment_name", False, True),
        ("Card", False, False),
        ("discard", False, False),
        ("card", True, False),
        ("card", None, False),
        (None, False, False),
    ],
)
def test_payment_field_30_needs_an_empty_payment_field(field: str | None, filled: bool | None, fires: bool) -> None:
    """Only a field whose name begins with card or payment, said to be empty, arms it."""
    partition = fold(event("input", field=field, filled=filled))
    pass_time(partition, 32)
    assert bool(partition.timers) == fires


@pytest.mark.parametrize(
    ("after", "fires"),
    [
        (event("input", 10, field="card_number", filled=True), False),
        (event("form_submit", 10), False),
        (event("purchase", 10), False),
        (event("page_view", 10, page_id="/next"), False),
        (event("page_view", 10, page_id="/"), True),
        (event("input", 10, field="card_name", filled=True), True),
        (event("input", 10, field="card_number"), True),
        (event("click", 10), True),
    ],
)
def test_payment_field_30_is_disarmed_by_what_settles_it(after: Event, fires: bool) -> None:
    """The same field filled, a submission, a purchase and another page disarm it, nothing else does."""
    partition = fold(event("page_view", page_id="/"), event("input", 1, **EMPTY_CARD), after)
    pass_time(partition, 33)
    assert bool(partition.timers) == fires


def test_payment_field_30_is_restarted_by_a_further_empty_field() -> None:
    """A further empty payment input sets the time and the field that is waited for."""
    first = event("input", 0, **EMPTY_CARD)
    second = event("input", 20, field="payment_cvv", filled=False)
    assert fired_after(59, first, second) == [("payment_field_30", 50)]
    assert fired_after(59, first, second, event("input", 25, field="card_number", filled=True)) != []
    assert fired_after(59, first, second, event("input", 25, field="payment_cvv", filled=True)) == []


def test_payment_field_30_counts_from_the_start_for_an_event_before_it() -> None:
    """Its deadline is start + offset + 30 s: an input before the start counts at the start."""
    assert fired_after(42, event("click", 10), event("input", 4, **EMPTY_CARD)) == [("payment_field_30", 40)]


def test_hover_10_fires_once_for_a_hover_that_leads_nowhere() -> None:
    """10 s after a hover with a target it fires and disarms; without a target there is nothing to wait for."""
    partition = fold(event("hover", 3, target="buy"))
    pass_time(partition, 15)
    pass_time(partition, 30)
    assert fired(partition) == [("hover_10", 13)]
    assert fired_after(15, event("hover", 3)) == []


@pytest.mark.parametrize(
    ("after", "fires"),
    [
        (event("click", 5), False),
        (event("add_to_cart", 5), False),
        (event("page_view", 5, page_id="/next"), False),
        (event("page_view", 5, page_id="/"), True),
        (event("scroll", 5), True),
        (event("hover", 5), True),
    ],
)
def test_hover_10_is_disarmed_by_a_click_a_cart_or_a_page(after: Event, fires: bool) -> None:
    """A click, add_to_cart and another page disarm it, nothing else does."""
    partition = fold(event("page_view", page_id="/"), event("hover", 1, target="buy"), after)
    pass_time(partition, 13)
    assert bool(partition.timers) == fires


def test_hover_10_is_restarted_by_a_hover_on_another_target_only() -> None:
    """The same target keeps the deadline, another sets it anew."""
    hover = event("hover", 0, target="buy")
    assert fired_after(17, hover, event("hover", 5, target="buy")) == [("hover_10", 10)]
    assert fired_after(17, hover, event("hover", 5, target="size")) == [("hover_10", 15)]


def test_hover_10_once_fired_is_armed_by_the_same_target_again() -> None:
    """A disarmed timer remembers no target."""
    assert fired_after(24, event("hover", 0, target="buy"), event("hover", 12, target="buy")) == [
        ("hover_10", 10),
        ("hover_10", 22),
    ]


def test_timers_fire_by_deadline_and_then_by_the_table() -> None:
    """Of two timers due at once, the one further up in the table fires first."""
    partition = fold(event("click", 0), event("hover", 50, target="buy"), event("input", 30, **EMPTY_CARD))
    pass_time(partition, 112)
    assert fired(partition) == [("payment_field_30", 60), ("hover_10", 60), ("idle_60", 110)]


def test_a_timer_at_or_after_the_gap_is_post_session() -> None:
    """A deadline at last + gap is post-session, one before it is not."""
    at_gap = fold(event("click", cart_items=1))
    pass_time(at_gap, 1_802)
    assert [timer.post_session for timer in at_gap.timers] == [False, False, True]
    assert at_gap.live["s"].features()["post_session_timers"] == 1

    before = fold(event("click", cart_items=1), event("page_ping", 1))
    pass_time(before, 1_803)
    assert [timer.post_session for timer in before.timers] == [False, False, False]


def test_pings_keep_a_visit_open_and_end_no_silence() -> None:
    """Pings move the end of the visit, not its silence."""
    partition = fold(event("click", 0), *(event("page_ping", minute * 60) for minute in range(1, 60)))
    assert fired(partition) == [("idle_60", 60)]
    assert partition.live["s"].features()["silence_s"] == 59 * 60


def test_a_visit_closes_a_gap_and_the_lateness_after_its_last_event() -> None:
    """At last + 30 min + 60 s the visit closes, a millisecond before it does not."""
    partition = fold(event("click", 0), event("click", 10))
    pass_time(partition, 1_869.999)
    assert not partition.closed
    pass_time(partition, 1_870)
    assert not partition.live
    assert [(closed.session_id, closed.visit_started_at, closed.last) for closed in partition.closed] == [
        ("s", T0, at(10))
    ]


def test_closing_fires_what_the_slack_held_back() -> None:
    """A timer due within the slack before the end fires just before the visit closes; one beyond it never does."""
    config = Config(gap_ms=600_000, lateness_ms=0)
    partition = fold(event("click", 0, cart_items=1), config=config)
    pass_time(partition, 600)
    assert fired(partition) == [("idle_60", 60), ("cart_idle_600", 600)]
    assert partition.closed[0].features["timer.cart_idle_600"] == 1

    partition = fold(event("click", 0, cart_items=1), config=Config(gap_ms=599_999, lateness_ms=0))
    pass_time(partition, 5_000)
    assert fired(partition) == [("idle_60", 60)]


def test_the_times_a_timer_fired_saturate() -> None:
    """A timer counts to 255."""
    timers = Timers(active=T0, fired={"hover_10": 254})
    for _ in range(2):
        timers.fire("hover_10", post_session=False)
    assert timers.fired == {"hover_10": 255}


def test_an_empty_batch_is_the_passage_of_time_alone() -> None:
    """Without a record, end_of_batch does what the watermark asks for, for every visit."""
    partition = PartitionFold()
    record_all(partition, event("click", 0, session_id="a"), event("click", 1, session_id="b"))
    pass_time(partition, 62)
    assert {timer.session_id for timer in partition.timers} == {"a"}
    pass_time(partition, 63)
    assert {timer.session_id for timer in partition.timers} == {"a", "b"}
