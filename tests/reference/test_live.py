"""Docs/live.md, by examples worked by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.arms import choice
from tests.reference.config import Config
from tests.reference.draws import Draws
from tests.reference.live import ExpectedLive, Message, expected_live
from tests.reference.make import at, event
from tests.reference.symbols import Event

MASTER = b"a key for examples of 32 bytes.."
SITE = {"site_id": "shop", "version": 1, "mode": "active", "opted_in": True, "holdout_share": 0.0}
END = 100_000
"""The second at which all of an example is over."""


def live(*events: Event, until: float = END, **site: Any) -> ExpectedLive:
    """What must be told of these events, every evaluation of it."""
    messages: list[Message] = [*((one, 0) for one in events), at(until)]
    return expected_live(Config(clock="event"), MASTER, [SITE | site], [messages], scored=False, sample_rate=1.0)


def evaluation(told: ExpectedLive, seconds: float) -> dict[str, Any]:
    """The one at that second."""
    all_told = (*told.decisions.values(), *told.suppressed.values())
    (one,) = (one for one in all_told if one["decided_at"] == at(seconds))
    return one


PAY = {"page_type": "checkout", "page_id": "/pay"}
REFUSED = (event("page_view", 0, **PAY), event("payment_error", 10, **PAY), event("payment_error", 20, **PAY))
"""A payment refused twice: at 20 s gate 2 raises F094."""


def test_signals_and_composite() -> None:
    """Two minutes into a paid visit of one who came before, on the checkout with a cart of 120; nothing hinders."""
    first = event("page_view", 0, **PAY, returning=True, source="paid", cart_items=1, cart_value=120.0)
    one = evaluation(live(first, *(event("scroll", seconds, **PAY) for seconds in (50, 100, 130))), 130)
    assert one["signals"] == {
        "intent": 100.0,  # (85 + 10 + 8 + 3) x 1.2, at most 100
        "friction": 0.0,
        "clarity": 50.0,
        "receptivity": 80.0,  # what was decided at 50 s was PASSIVE
        "value": 90.0,  # 70 + 15 + 5
    }
    assert one["composite"] == 0.25 * 100 + 0.25 * 0 + 0.15 * 50 + 0.20 * 80 + 0.15 * 90
    assert (one["composite_tier"], one["tier"]) == ("NUDGE", "PASSIVE")
    assert (one["gates"][1], one["reason"]) == ("no_friction", "same_friction")


def test_signals_where_much_hinders() -> None:
    """Payments refused on a phone: F094 of severity 75 alone, in the first minute."""
    refused = evaluation(live(*(one | {"device": "mobile"} for one in REFUSED)), 20)
    assert refused["frictions"] == ["F094"]
    assert refused["signals"] == {
        "intent": 100.0,  # 85 x 1.2, at most 100
        "friction": 75.0,
        "clarity": 85.0,  # 100 - 15
        "receptivity": 75.0,  # 80 - 5
        "value": 15.0,
    }


@pytest.mark.parametrize(
    ("site", "tier", "lowered"),
    [
        ({}, "ESCALATE", ""),
        ({"mode": "limited_active"}, "NUDGE", "ESCALATE to NUDGE: limited_active"),
        ({"opted_in": False}, "NUDGE", "ESCALATE to NUDGE: young_site"),
    ],
)
def test_gate_2_raises_as_far_as_gate_4_lets_it(site: dict[str, Any], tier: str, lowered: str) -> None:
    """However young the visit."""
    one = evaluation(live(*REFUSED, **site), 20)
    assert (one["gates"][2], one["tier"], one["loud_limit"], one["reason"]) == ("payment_failed", tier, lowered, "")


def test_gate_2_does_not_raise_what_is_forbidden() -> None:
    """Where the operator forbids all that it could do, the visit is as young as it is."""
    one = evaluation(live(*REFUSED, forbidden_actions=["escalate_payment_help", "escalate_human_handoff"]), 20)
    assert (one["gates"][2], one["reason"]) == ("", "session_age")


def test_propensities_and_the_draw() -> None:
    """Three arms of which nothing is known share what the floors leave of 1; the draw goes by cumulated propensity."""
    one = evaluation(live(*REFUSED), 20)
    shares = {arm["action"]: arm["propensity"] for arm in one["arms"]}
    left = (1 - 0.05 - 2 * 0.01) / 3
    assert shares == pytest.approx(
        {"escalate_human_handoff": 0.01 + left, "escalate_payment_help": 0.01 + left, "no_op": 0.05 + left}, abs=1e-8
    )
    assert sum(shares.values()) == 1
    draw = Draws(MASTER).arm("shop", "s", at(0), 0)
    assert one["draw"] == draw
    assert one["action"] == list(shares)[min(int(draw / (0.01 + left)), 2)]


def test_who_explored_enough_gets_the_likeliest() -> None:
    """After two exploratory interventions a day one action is left, with what all of them had."""
    arms = choice("F094", 4, frozenset(), explored=True)
    assert arms is not None
    assert arms.actions == ("escalate_human_handoff", "escalate_payment_help", "no_op")
    assert arms.propensities == pytest.approx((0.64, 0.0, 0.36), abs=1e-8)


def test_a_reward_is_of_what_follows_within_ten_minutes() -> None:
    """A purchase 5 s after the decision on another page: .2 + .5; nothing before counts, and an order later neither."""
    bought = event("purchase", 25, page_type="checkout", order_id="o1")
    told = live(*REFUSED, event("page_view", 21, page_id="/other"), bought)
    one = told.rewards[f"s:{at(0)}:0"]
    assert (one["from"], one["reward"]) == (at(20), round(0.7 * 4_096) / 4_096)
    assert (one["converted"], one["bounced"], one["defaulted"]) == (True, False, False)
    late = live(*REFUSED, event("page_ping", 620, **PAY), event("purchase", 621, **PAY))
    assert not late.rewards[f"s:{at(0)}:0"]["converted"]


def test_a_decision_that_nothing_follows() -> None:
    """Its reward is 0, told when the visit decides again; one that is erased is not rewarded."""
    told = live(*REFUSED, until=20 + 600)
    assert [(one["reward"], one["bounced"], one["defaulted"]) for one in told.rewards.values()] == [(0.0, True, True)]
    withdrawn = event("click", 22, consent={"analytics": False, "personalization": False})
    assert not live(*REFUSED, withdrawn).rewards


def test_a_reward_waits_for_the_lateness() -> None:
    """Where nothing more is decided it is told at W >= end + 60 s, and not before."""
    # The second decision is that of the checkout left alone for 300 s.
    second, told_at = f"s:{at(0)}:1", 320 + 600 + 60
    assert second not in live(*REFUSED, until=told_at - 0.001).rewards
    assert live(*REFUSED, until=told_at).rewards[second]["to"] == at(920)


def test_the_holdout_feeds_no_arm() -> None:
    """A visitor held out is decided on and rewarded, is shown nothing, and teaches nothing."""
    told = live(*REFUSED, holdout_share=1.0)
    assert {one["result"] for one in (*told.decisions.values(), *told.rewards.values())} == {"holdout"}
    assert not told.interventions
    assert not told.arms


def test_an_exposure_counts_from_a_second_on() -> None:
    """Out of view after .9 s it is forgotten, and counts from when it is seen again, to the visit's last event."""
    told = live(
        event("page_view", 0, containers=["a"]),
        event("page_ping", 0.9),
        event("page_view", 10, page_id="/b", containers=["a", "b"]),
        event("purchase", 12, page_id="/b"),
        event("page_ping", 14),
    )
    assert {name: (one["from"], one["to"], one["converted"]) for name, one in told.exposures.items()} == {
        f"s:{at(0)}:c:a": (at(10), at(14), True),
        f"s:{at(0)}:c:b": (at(10), at(14), True),
    }
    r = round(0.5 * 4_096) / 4_096  # .2 + .5 - .2: one page, and 4 s
    assert told.arms["c:shop:a"] == told.arms["c:shop:b"] == (1, r, r * r)
