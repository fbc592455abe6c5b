"""Gates 0 to 6, all computed; each names the first of its conditions that held (DOMAIN.md, 7; docs/live.md, 2).

Sites have no sessions here: nothing tells how many visits a site has closed, so one that did not opt in is young.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.reference.catalog import BY_ID, NONE, Friction, actions_of
from tests.reference.float32 import float32
from tests.reference.history import within
from tests.reference.moment import age_s, since_s, technical_error
from tests.reference.tiers import ACTIVE, ESCALATE, MONITOR, NUDGE, PASSIVE, TIERS

if TYPE_CHECKING:
    from tests.reference.profiles import Profile
    from tests.reference.sites import Site
    from tests.reference.visit import Visit

HOLDOUT = "holdout"
SURE = 0.75
SHIPPING_SHARE = float32(0.20)
APART_S = 30


@dataclass(frozen=True, slots=True)
class Passed:
    """What the gates leave of an evaluation."""

    gates: tuple[str, ...]
    """Of each, the condition that held, or nothing."""
    tier: int
    friction: str
    raised: bool
    lowered: str
    """What gate 4 did: the tier before and after, and why."""

    @property
    def suppressed(self) -> str:
        """Why nothing is concluded, as far as gates say."""
        stop, limits = self.gates[0], self.gates[6]
        if stop not in ("", HOLDOUT):
            return stop
        return "monitor" if self.tier == MONITOR else self.gates[5] or limits


def pass_gates(
    visit: Visit, now: int, site: Site, bucket: int, found: list[Friction], composite_tier: int, receptivity: float
) -> Passed:
    """Through all of them, with the frictions found, by falling severity, and the receptivity used."""
    sure = [one for one in found if not site.limited or one.confidence >= SURE]
    friction = _chosen(visit, sure)
    raising, raised_friction = _raise(visit, site)
    lowering = _lower(visit)
    tier = composite_tier if found else min(composite_tier, PASSIVE)
    if raising:
        tier, friction = ESCALATE, raised_friction
    elif lowering:
        tier = min(tier, PASSIVE)
    guards = _guards(tier, site, passed_over=not raising and friction != _chosen(visit, found))
    before, tier = tier, _guarded(tier, guards, friction)
    profile = site.figures
    gates = (
        _stop(visit, site, bucket),
        "" if found else "no_friction",
        raising,
        lowering,
        guards[0] if guards else "",
        _hard(visit, profile, receptivity),
        _limits(visit, now, profile, tier, friction, raised=bool(raising)),
    )
    return Passed(gates, tier, friction, bool(raising), _lowered(before, tier, guards))


def _chosen(visit: Visit, found: list[Friction]) -> str:
    """The most severe friction not decided on; where all were, the most severe: gate 6 then says so."""
    for one in found:
        if one.id not in visit.history.handled:
            return one.id
    return found[0].id if found else NONE


def _stop(visit: Visit, site: Site, bucket: int) -> str:
    if not visit.personalization:
        return "consent_withheld"
    if site.kill_switch:
        return "kill_switch"
    return HOLDOUT if bucket < site.held_out_below else ""


def _raise(visit: Visit, site: Site) -> tuple[str, str]:
    """The condition that raises, and its friction; once something was bought only a search for help does."""
    if visit.count("purchase") == 0:
        if visit.count("payment_error") >= 2 and _may_raise(visit, site, "F094"):
            return "payment_failed", "F094"
        idle = "checkout_idle_300" in visit.timers.silent and visit.page_type == "checkout"
        if idle and visit.cart.value > 200 and _may_raise(visit, site, "F089"):
            return "checkout_idle", "F089"
    if visit.searches.for_help > 0 and _may_raise(visit, site, "F212"):
        return "help_search", "F212"
    return "", ""


def _may_raise(visit: Visit, site: Site, friction: str) -> bool:
    """Not decided on, sure enough, and with an action that is allowed at the tier that results (D50, D51)."""
    if friction in visit.history.handled or (site.limited and BY_ID[friction].confidence < SURE):
        return False
    tier = _guarded(ESCALATE, _guards(ESCALATE, site, passed_over=False), friction)
    return any(action not in site.forbidden for action in actions_of(friction, tier))


def _lower(visit: Visit) -> str:
    if technical_error(visit):
        return "technical_error"
    if visit.products.out_of_stock_in_view:
        return "out_of_stock_in_view"
    if float32(visit.cart.shipping_share) > SHIPPING_SHARE and visit.count("add_shipping_info") == 0:
        return "shipping_not_shown"
    return ""


def _guards(tier: int, site: Site, *, passed_over: bool) -> list[str]:
    """The conditions of gate 4 that hold; `passed_over`: a more severe friction is not sure."""
    held = []
    if site.limited and tier > NUDGE:
        held.append("limited_active")
    if passed_over:
        held.append("low_confidence")
    if not site.opted_in and tier > NUDGE:
        held.append("young_site")
    return held


def _guarded(tier: int, guards: list[str], friction: str) -> int:
    if friction == NONE:
        return min(tier, PASSIVE)
    return min(tier, NUDGE) if "limited_active" in guards or "young_site" in guards else tier


def _lowered(before: int, after: int, guards: list[str]) -> str:
    if not guards:
        return ""
    tiers = TIERS[after] if before == after else f"{TIERS[before]} to {TIERS[after]}"
    return f"{tiers}: {', '.join(guards)}"


def _hard(visit: Visit, profile: Profile, receptivity: float) -> str:
    if receptivity < 15:
        return "not_receptive"
    return "dismissal_limit" if visit.count("intervention_dismissed") >= profile.dismissals else ""


def _limits(visit: Visit, now: int, profile: Profile, tier: int, friction: str, *, raised: bool) -> str:
    past = visit.history
    if not raised:
        if age_s(visit, now) < profile.min_age_s:
            return "session_age"
        if tier == ACTIVE and past.active >= profile.most_active:
            return "active_limit"
        if tier == NUDGE and past.nudge >= profile.most_nudge:
            return "nudge_limit"
        if tier > PASSIVE and past.loud >= profile.most_loud:
            return "loud_limit"
    if friction in past.handled:
        return "same_friction"
    if within(past.active_at, now, profile.after_active_s):
        return "after_active"
    if within(past.nudge_at, now, profile.after_nudge_s):
        return "after_nudge"
    if 0 <= since_s(visit, now, "intervention_dismissed") < profile.after_dismissal_s:
        return "after_dismissal"
    return "too_soon" if within(past.at, now, APART_S) else ""
