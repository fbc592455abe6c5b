"""Every gate's conditions one by one, their order, and what each holds and does not hold (DOMAIN 7)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.actions import ACTIVE, ESCALATE, MONITOR, NUDGE, PASSIVE
from models.ava.catalog import installed_catalog
from models.ava.conditions import CONDITIONS, CONDITIONS_BY_GATE
from models.ava.deciding import Policy
from models.ava.sites import SiteContext
from tests.models.ava.cases import (
    CALM,
    CART,
    CHECKOUT,
    FREE,
    IDLE_CHECKOUT,
    LEAVING,
    REFUSED_PAYMENT,
    gates,
    past,
    reason,
    row_of,
    verdict,
)

F089, F094, F117, F212, F068, F028 = 89, 94, 117, 212, 68, 28
REFINED = {"search_refinements": 2, "page_type.category": 0, "page_type.search_results": 1}
"""A NUDGE: friction 65, clarity 100, receptivity 80, value 15, intent 45 (search 30, and 600 s / 120 s x 3 = 15).

.25 x 45 + .25 x 65 + .15 x 100 + .2 x 80 + .15 x 15 = 11.25 + 16.25 + 15 + 16 + 2.25 = 60.75.
"""


def test_a_visit_through_the_gates_by_hand() -> None:
    """The composite is what the document gives, and nothing holds it."""
    of = verdict(row_of(REFINED))
    assert of.rule[0].tolist() == [45, 65, 100, 80, 15]
    assert of.composite[0] == pytest.approx(60.75, abs=1e-12)
    assert (of.composite_tier[0], of.tier[0], of.friction[0]) == (NUDGE, NUDGE, F028)
    assert gates(of) == [""] * 7
    assert reason(of) == ""


# Gate 0: nothing overrides it; of several the first is named.
@pytest.mark.parametrize(
    ("consented", "site", "bucket", "held", "why"),
    [
        (0, FREE, 9_999, "consent_withheld", "consent_withheld"),
        (1, replace(FREE, kill_switch=True), 9_999, "kill_switch", "kill_switch"),
        (0, replace(FREE, kill_switch=True), 0, "consent_withheld", "consent_withheld"),
        (1, replace(FREE, kill_switch=True), 0, "kill_switch", "kill_switch"),
        (1, FREE, 499, "holdout", ""),
        (1, FREE, 500, "", ""),
        (1, replace(FREE, holdout_share=0.07), 699, "holdout", ""),
        (1, replace(FREE, holdout_share=0.07), 700, "", ""),
    ],
)
def test_gate_0_stops(consented: int, site: SiteContext, bucket: int, held: str, why: str) -> None:
    """Without consent or under the kill switch nothing is concluded, raised or not; the holdout concludes."""
    of = verdict(row_of(REFUSED_PAYMENT), site=site, consented=consented, bucket=bucket)
    assert gates(of)[0] == held
    assert gates(of)[2] == "payment_failed"
    assert reason(of) == why


def test_gate_1_without_a_friction_at_most_passive() -> None:
    """A composite of NUDGE becomes PASSIVE: intent (85 + 10 + 15) x 1.2, at most 100; clarity 50; value 70."""
    of = verdict(row_of(CHECKOUT))
    # .25 x 100 + 0 + .15 x 50 + .2 x 80 + .15 x 70 = 25 + 7.5 + 16 + 10.5 = 59
    assert of.composite[0] == pytest.approx(59.0, abs=1e-12)
    assert (of.composite_tier[0], of.tier[0], of.friction[0]) == (NUDGE, PASSIVE, 0)
    assert gates(of)[1] == "no_friction"
    assert reason(of) == ""


# Gate 2
@pytest.mark.parametrize(
    ("features", "held", "friction"),
    [
        (REFUSED_PAYMENT, "payment_failed", F094),
        ({**CHECKOUT, "count.payment_error": 1}, "", 304),
        ({**REFUSED_PAYMENT, "count.purchase": 1}, "", 0),
        ({**IDLE_CHECKOUT, "cart_value": 200.01}, "checkout_idle", F089),
        ({**IDLE_CHECKOUT, "cart_value": 200}, "", F089),
        ({**CALM, "help_searches": 1}, "help_search", F212),
        ({**IDLE_CHECKOUT, "cart_value": 300, "count.payment_error": 2}, "payment_failed", F094),
    ],
)
def test_gate_2_raises(features: dict[str, float], held: str, friction: int) -> None:
    """Payment failed >= 2, checkout idle > 5 min with a cart > 200, a search for help: ESCALATE, its own friction."""
    of = verdict(row_of(features))
    assert gates(of)[2] == held
    assert of.friction[0] == friction
    assert bool(of.raised[0]) == bool(held)
    if held:
        assert of.tier[0] == ESCALATE


def test_gate_2_raises_once_per_friction() -> None:
    """A friction already raised does not raise again; another one does."""
    again = verdict(row_of(REFUSED_PAYMENT), past(raised=[F094]))
    assert (gates(again)[2], again.raised[0]) == ("", 0)
    other = verdict(row_of(REFUSED_PAYMENT, {"help_searches": 1}), past(raised=[F094]))
    assert (gates(other)[2], other.friction[0]) == ("help_search", F212)


def test_gate_2_raises_nothing_that_was_decided_on() -> None:
    """A checkout handled while its cart was small: the next condition raises, else another friction is decided on."""
    idle = {**IDLE_CHECKOUT, "cart_value": 300}
    handled = past(handled=[F089])
    assert verdict(row_of(idle), handled).raised[0] == 0
    helped = verdict(row_of(idle, {"help_searches": 1}), handled)
    assert (gates(helped)[2], helped.friction[0], reason(helped)) == ("help_search", F212, "")
    refined = verdict(row_of(idle, {"search_refinements": 2}), handled)
    assert (gates(refined)[2], refined.friction[0], reason(refined)) == ("", F028, "")


def test_gate_2_raises_nothing_that_has_no_action() -> None:
    """At the tier that results, less what the operator forbids; the next condition or friction has its turn."""
    asking = {**REFINED, "help_searches": 1}
    no_nudge = replace(LIMITED, forbidden_actions=frozenset({"nudge_search_help"}))
    assert verdict(row_of(asking), site=LIMITED).friction[0] == F212
    lowered = verdict(row_of(asking), site=no_nudge)
    assert (gates(lowered)[2], lowered.friction[0], lowered.tier[0]) == ("", F028, NUDGE)
    at_large = verdict(row_of(asking), site=replace(no_nudge, mode="active"))
    assert (gates(at_large)[2], at_large.friction[0], at_large.tier[0]) == ("help_search", F212, ESCALATE)
    no_payment_help = frozenset({"escalate_payment_help", "escalate_human_handoff"})
    both = verdict(row_of(REFUSED_PAYMENT, {"help_searches": 1}), site=replace(FREE, forbidden_actions=no_payment_help))
    assert (gates(both)[2], both.friction[0], both.tier[0]) == ("help_search", F212, ESCALATE)


# Gate 3
@pytest.mark.parametrize(
    ("features", "held"),
    [
        ({"technical_error": 1}, "technical_error"),
        ({"out_of_stock_in_view": 1}, "out_of_stock_in_view"),
        ({"shipping_share": 0.21}, "shipping_not_shown"),
        ({"shipping_share": 0.2}, ""),
        ({"shipping_share": 0.5, "count.add_shipping_info": 1}, ""),
        ({"technical_error": 1, "out_of_stock_in_view": 1, "shipping_share": 0.5}, "technical_error"),
        ({"out_of_stock_in_view": 1, "shipping_share": 0.5}, "out_of_stock_in_view"),
    ],
)
def test_gate_3_lowers(features: dict[str, float], held: str) -> None:
    """A technical error, an item out of stock, shipping above 20 % and not shown: PASSIVE."""
    of = verdict(row_of(REFINED, features))
    assert gates(of)[3] == held
    assert of.composite_tier[0] >= NUDGE
    assert of.tier[0] == (PASSIVE if held else of.composite_tier[0])


def test_where_2_and_3_hit_2_wins() -> None:
    """Both are recorded; the tier is the raised one."""
    of = verdict(row_of(REFUSED_PAYMENT, {"technical_error": 1}))
    assert gates(of)[2:4] == ["payment_failed", "technical_error"]
    assert (of.tier[0], of.friction[0]) == (ESCALATE, F094)


# Gate 4
LIMITED = replace(FREE, mode="limited_active")
YOUNG = replace(FREE, sessions=99)


@pytest.mark.parametrize(
    ("site", "held", "tier", "why"),
    [
        (FREE, "", ESCALATE, 0),
        (LIMITED, "limited_active", NUDGE, 0b001),
        (YOUNG, "young_site", NUDGE, 0b100),
        (replace(YOUNG, opted_in=True), "", ESCALATE, 0),
        (replace(LIMITED, opted_in=True, sessions=0), "limited_active", NUDGE, 0b001),
        (replace(LIMITED, sessions=99), "limited_active", NUDGE, 0b101),
        (replace(FREE, sessions=100), "", ESCALATE, 0),
        (SiteContext("unknown"), "limited_active", NUDGE, 0b101),
    ],
)
def test_gate_4_guards_by_mode_and_age_of_the_site(site: SiteContext, held: str, tier: int, why: int) -> None:
    """It lowers gate 2 too; what was lowered from what and why is kept."""
    of = verdict(row_of(REFUSED_PAYMENT), site=site)
    assert gates(of)[4] == held
    assert (of.tier[0], of.lowered_from[0], of.lowered_why[0]) == (tier, ESCALATE, why)
    assert gates(of)[2] == "payment_failed"
    assert of.raised[0] == 1


def test_gate_4_decides_on_no_unsure_mapping_in_limited_active() -> None:
    """A friction of confidence .7 counts in the signals alone there; where the site is active nothing holds it."""
    free = verdict(row_of(LEAVING))
    # Intent 60 = 45 + 15, friction 70, clarity 70, receptivity 80, value 35:
    # .25 x 60 + .25 x 70 + .15 x 70 + .2 x 80 + .15 x 35 = 15 + 17.5 + 10.5 + 16 + 5.25 = 64.25
    assert free.composite[0] == pytest.approx(64.25, abs=1e-12)
    assert (free.friction[0], free.tier[0], gates(free)[4]) == (F117, ACTIVE, "")
    limited = verdict(row_of(LEAVING), site=LIMITED)
    assert (limited.composite[0], limited.rule.tolist()) == (free.composite[0], free.rule.tolist())
    assert (limited.friction[0], limited.tier[0], reason(limited)) == (0, PASSIVE, "")
    assert (limited.lowered_from[0], limited.lowered_why[0], gates(limited)[1]) == (ACTIVE, 0b011, "")
    quiet = verdict(row_of(LEAVING, {"technical_error": 1, "count.purchase": 1}), site=LIMITED)
    assert (quiet.friction[0], quiet.tier[0], gates(quiet)[4]) == (161, PASSIVE, "")
    once = verdict(row_of(LEAVING), past(handled=[0]), site=LIMITED)
    assert (once.friction[0], reason(once)) == (0, "same_friction")


def test_gate_4_passes_an_unsure_mapping_over_for_the_next() -> None:
    """The most severe of the sure ones not handled is decided on, at its tier; what was passed over is told."""
    both = row_of(LEAVING, {"search_refinements": 2})
    assert verdict(both).friction[0] == F117
    of = verdict(both, site=LIMITED)
    assert (of.friction[0], of.tier[0], gates(of)[4], of.lowered_why[0]) == (F028, NUDGE, "limited_active", 0b011)
    handled = verdict(both, past(handled=[F117]), site=LIMITED)
    assert (handled.friction[0], handled.lowered_why[0]) == (F028, 0b001)
    none_left = verdict(both, past(handled=[F028]), site=LIMITED)
    assert (none_left.friction[0], reason(none_left)) == (F028, "same_friction")


def test_gate_2_raises_no_unsure_mapping_in_limited_active() -> None:
    """A catalog may be less sure of what gate 2 names."""
    catalog = installed_catalog()
    unsure = replace(
        catalog, frictions=tuple(replace(one, confidence=0.7) if one.id == "F094" else one for one in catalog.frictions)
    )
    policy = Policy(unsure)
    assert verdict(row_of(REFUSED_PAYMENT), policy=policy).raised[0] == 1
    limited = verdict(row_of(REFUSED_PAYMENT), site=LIMITED, policy=policy)
    assert (gates(limited)[2], gates(limited)[4], limited.lowered_why[0]) == ("", "limited_active", 0b011)
    assert (limited.friction[0], limited.tier[0]) == (0, PASSIVE)


# Gate 5
@pytest.mark.parametrize(
    ("features", "loud", "since_nudge_s", "held"),
    [
        # 80 - 3 x 15 - 10 for a recent one - 5 on a phone - 10 rapid = 10
        ({"device.mobile": 1, "pages": 200}, 3, 90, "not_receptive"),
        # 80 - 4 x 15 - 5 = 15 is not below 15
        ({"device.mobile": 1}, 4, 500, ""),
        # 80 - 3 x 25 + 10 = 15
        ({"count.intervention_dismissed": 3, "dismissed_s": 500, "silent.idle_60": 1}, 0, -1, "dismissal_limit"),
        ({"count.intervention_dismissed": 2, "dismissed_s": 500}, 0, -1, ""),
        ({"count.intervention_dismissed": 4, "dismissed_s": 500}, 0, -1, "not_receptive"),
    ],
)
def test_gate_5_suppresses_also_what_was_raised(
    features: dict[str, float], loud: int, since_nudge_s: float, held: str
) -> None:
    """Receptivity under 15, or the dismissals that end intervening."""
    of = verdict(row_of(REFUSED_PAYMENT, features), past(loud=loud, nudge=loud, since_nudge_s=since_nudge_s))
    assert gates(of)[5] == held
    assert gates(of)[2] == "payment_failed"
    assert reason(of) == held


# Gate 6
EAGER = {
    "silent.idle_60": 1,
    "count.intervention_clicked": 1,
    "prior_conversion": 1,
    "returning": 0,
    "logged_in": 1,
}
"""Ready to be spoken to, even after six decisions above PASSIVE."""


@pytest.mark.parametrize(
    ("features", "history", "held", "when_raised"),
    [
        ({"age_s": 29.9}, {}, "session_age", ""),
        ({"age_s": 30}, {}, "", ""),
        ({}, {"nudge": 3}, "nudge_limit", ""),
        ({}, {"nudge": 2}, "", ""),
        (EAGER, {"loud": 6}, "loud_limit", ""),
        (EAGER, {"loud": 5}, "", ""),
        ({}, {"active": 2}, "", ""),
        ({}, {"since_active_s": 119}, "after_active", "after_active"),
        ({}, {"since_active_s": 120}, "", ""),
        ({}, {"since_nudge_s": 59}, "after_nudge", "after_nudge"),
        ({}, {"since_nudge_s": 60}, "", ""),
        ({"count.intervention_dismissed": 1, "dismissed_s": 299}, {}, "after_dismissal", "after_dismissal"),
        ({"count.intervention_dismissed": 1, "dismissed_s": 300}, {}, "", ""),
        ({}, {"since_any_s": 29}, "too_soon", "too_soon"),
        ({}, {"since_any_s": 0}, "too_soon", "too_soon"),
        ({}, {"since_any_s": 30}, "", ""),
        ({"age_s": 10}, {"since_any_s": 5, "nudge": 3}, "session_age", "too_soon"),
        ({}, {"since_any_s": 5, "since_nudge_s": 5, "since_active_s": 5}, "after_active", "after_active"),
    ],
)
def test_gate_6_on_the_tier_that_results(
    features: dict[str, float], history: dict[str, Any], held: str, when_raised: str
) -> None:
    """Age and counts do not hold what gate 2 raised, not even lowered to a NUDGE by the mode; cooldowns do."""
    nudge = verdict(row_of(REFINED, features), past(**history), site=LIMITED)
    assert (nudge.tier[0], gates(nudge)[6], reason(nudge)) == (NUDGE, held, held)
    raised = verdict(row_of(REFUSED_PAYMENT, features), past(**history), site=LIMITED)
    assert (raised.tier[0], gates(raised)[6], reason(raised)) == (NUDGE, when_raised, when_raised)


def test_gate_6_counts_active_ones_for_active_tiers() -> None:
    """Two ACTIVE a visit; the third is suppressed, no lower tier is tried."""
    # F068: intent 95 = 70 + 10 + 15, friction 80, clarity 100, receptivity 80, value 70
    # .25 x 95 + .25 x 80 + 15 + 16 + 10.5 = 85.25 is ESCALATE; a small cart of 15 gives 77, ACTIVE.
    idle = {**CART, "cart_value": 15, "silent.cart_idle_600": 1}
    first = verdict(row_of(idle), past(active=1))
    assert first.composite[0] == pytest.approx(77.0, abs=1e-12)
    assert (first.tier[0], reason(first)) == (ACTIVE, "")
    third = verdict(row_of(idle), past(active=2))
    assert (third.tier[0], gates(third)[6], reason(third)) == (ACTIVE, "active_limit", "active_limit")


def test_a_friction_is_decided_on_once() -> None:
    """The next friction is the one of highest severity not handled yet; where all were, gate 6 says so."""
    both = {**IDLE_CHECKOUT, "search_refinements": 2, "cart_value": 100}
    assert verdict(row_of(both)).friction[0] == F089
    assert verdict(row_of(both), past(handled=[F089])).friction[0] == F028
    none_left = verdict(row_of(both), past(handled=[F089, F028]))
    assert (none_left.friction[0], reason(none_left)) == (F089, "same_friction")
    raised = verdict(row_of(REFUSED_PAYMENT), past(handled=[F094]))
    assert (gates(raised)[2], reason(raised)) == ("", "same_friction")
    calm = verdict(row_of(CHECKOUT), past(handled=[0]))
    assert (calm.friction[0], calm.tier[0], reason(calm)) == (0, PASSIVE, "same_friction")


def test_equal_severities_go_by_id() -> None:
    """F090 and F303, both 70: the lower id."""
    both = {**CHECKOUT, "count.form_error": 2, "timer.payment_field_30": 1}
    assert verdict(row_of(both)).friction[0] == 90


def test_a_tier_of_monitor_concludes_nothing() -> None:
    """A bounce on a landing page: intent 10 x .7 = 7, clarity 50 - 15 - 10 = 25, receptivity 80, value 15."""
    bounce = {"page_type.category": 0, "page_type.landing": 1, "age_s": 3, "pages": 1, "events": 1}
    of = verdict(row_of(bounce))
    # .25 x 7 + 0 + .15 x (50 - 15 - 10) + .2 x 80 + .15 x 15 = 1.75 + 3.75 + 16 + 2.25
    assert of.composite[0] == pytest.approx(23.75, abs=1e-12)
    assert (of.tier[0], reason(of)) == (MONITOR, "monitor")


def test_every_condition_stands_in_its_gate_once() -> None:
    """Codes are unique, small and named."""
    names = [name for gate in CONDITIONS_BY_GATE for name in gate]
    assert len(set(names)) == len(names)
    assert len(CONDITIONS) <= np.iinfo(np.uint8).max
