"""From a visit to a decision, one at a time, in plain Python: score, rules, gates, the draw of an arm."""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np

from bench.peers.stock_faust import rules
from bench.peers.stock_faust.inputs import inputs
from bench.peers.stock_faust.rules import ACTIVE, ESCALATE, MONITOR, NUDGE, PASSIVE
from models.ava.catalog import Friction
from models.ava.gates import GATE
from models.ava.profiles import PROFILES
from models.behaviour.moment import INPUT_PLACE
from models.serving.release import default_release, read_release
from models.serving.session import open_session
from tests.reference.visit import Visit

PROFILE = PROFILES["default"]
ADJUSTMENT_POINTS = 10.0
SAMPLE_RATE = 0.01
HOLDOUT_SHARE = 0.05
FLOOR, FLOOR_NO_OP = 0.01, 0.05
BUCKETS = 10_000
NO_OP = "no_op"

_RELEASE = read_release(default_release())
SCORER, BOUND = _RELEASE.manifest.version, _RELEASE.manifest.adjustment_bound
_SESSION = open_session(_RELEASE.model, threads=1, cuda=False)
_AGE_S, _DISMISSED, _DISMISSED_S = (
    INPUT_PLACE[name] for name in ("age_s", "count.intervention_dismissed", "dismissed_s")
)
_PAYMENT_ERRORS, _PURCHASES = INPUT_PLACE["count.payment_error"], INPUT_PLACE["count.purchase"]
_SILENT, _ON_CHECKOUT = INPUT_PLACE["silent.checkout_idle_300"], INPUT_PLACE["page_type.checkout"]
_CART_VALUE, _SHARE = INPUT_PLACE["cart_value"], INPUT_PLACE["shipping_share"]
_SHIPPING_SHOWN, _ERROR = INPUT_PLACE["count.add_shipping_info"], INPUT_PLACE["technical_error"]
_BY_ID = {friction.id: friction for friction in rules.CATALOG.frictions}


@dataclass(slots=True)
class Past:
    """What was decided before in a visit; times in ms since the epoch."""

    visit_started_at: int
    decisions: int = 0
    loud: int = 0
    loud_at: int | None = None
    active: int = 0
    nudge: int = 0
    any_at: int | None = None
    active_at: int | None = None
    nudge_at: int | None = None
    handled: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)


class Decision(NamedTuple):
    """An evaluation and what came of it; `reason` says why nothing did."""

    x: list[float]
    now_ms: int
    bucket: int
    rule: tuple[float, ...]
    adjustments: tuple[float, ...]
    final: tuple[float, ...]
    composite: float
    composite_tier: int
    tier: int
    frictions: list[Friction]
    friction: str | None
    raised: bool
    gates: list[str]
    reason: str
    result: str = "suppress"
    arms: tuple[tuple[str, float], ...] = ()
    draw: float | None = None
    action: str = ""
    propensity: float = 0.0


class Decider:
    """Decides for one site's visits by one key."""

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._secrets: dict[str, bytes] = {}

    def decide(self, visit: Visit, past: Past, now_ms: int) -> Decision | None:
        """A conclusion, or one evaluation without in a hundred; None for the others. `past` is brought up to date."""
        x = inputs(visit, now_ms, past.decisions)
        (scored,) = _SESSION.run(["adjustments"], {"features": np.array((x,), np.float32)})
        adjustments = tuple(ADJUSTMENT_POINTS * one for one in scored[0].tolist())
        found = rules.detected(x)
        loud_s = math.inf if past.loud_at is None else (now_ms - past.loud_at) / 1000
        rule = rules.signals(x, found, past.loud, loud_s)
        final = tuple(
            rules.clamped(points + min(max(more, -BOUND), BOUND))
            for points, more in zip(rule, adjustments, strict=True)
        )
        composite = sum(weight * signal for weight, signal in zip(PROFILE.weights, final, strict=True))
        composite_tier = rules.tier_of(composite, PROFILE)

        raise_condition, raised_friction = _raising(x, past)
        raised = bool(raise_condition)
        tier = composite_tier if found else min(composite_tier, PASSIVE)
        friction = next((one.id for one in found if one.id not in past.handled), found[0].id if found else None)
        lower_condition = _lowering(x)
        if raised:
            tier, friction = ESCALATE, raised_friction
        elif lower_condition:
            tier = min(tier, PASSIVE)
        stopped = _hard_stop(x, final[3])
        limited = _limits(x, past, tier, friction, raised, now_ms)
        bucket = self._bucket(visit)
        held_out = bucket < HOLDOUT_SHARE * BUCKETS
        gates = ["holdout" if held_out else "", "" if found else "no_friction", raise_condition, lower_condition]
        gates += ["", stopped, limited]
        reason = "monitor" if tier == MONITOR else stopped or limited
        decision = Decision(
            x, now_ms, bucket, rule, adjustments, final, composite, composite_tier, tier, found, friction, raised,
            gates, reason,
        )  # fmt: skip
        arms = () if reason else _arms(friction, tier)
        if not arms:
            sampled = self._draw(visit.site_id, b"sample", b"", visit.session_id, now_ms) < SAMPLE_RATE
            return decision._replace(reason=reason or "no_action") if sampled else None
        draw = self._draw(visit.site_id, b"arm", b"%d" % visit.start, visit.session_id, past.decisions)
        action, propensity = _chosen(arms, draw)
        result = "holdout" if held_out else "no_op" if action == NO_OP else "fire"
        return decision._replace(result=result, arms=arms, draw=draw, action=action, propensity=propensity)

    def _bucket(self, visit: Visit) -> int:
        return int(self._draw(visit.site_id, b"holdout", b"", visit.session_id, 0) * BUCKETS)

    def _draw(self, site_id: str, purpose: bytes, experiment: bytes, who: str, n: int) -> float:
        secret = self._secrets.get(site_id)
        if secret is None:
            secret = self._secrets[site_id] = hmac.digest(self._master, site_id.encode(), "sha256")
        digest = hmac.digest(secret, b"%b\0%b\0%b\0%d" % (purpose, experiment, who.encode(), n), "sha256")
        return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def remember(past: Past, decision: Decision) -> None:
    """Add a conclusion to what was decided before."""
    past.decisions += 1
    past.any_at = decision.now_ms
    if decision.tier > PASSIVE:
        past.loud, past.loud_at = past.loud + 1, decision.now_ms
    if decision.tier == ACTIVE:
        past.active, past.active_at = past.active + 1, decision.now_ms
    if decision.tier == NUDGE:
        past.nudge, past.nudge_at = past.nudge + 1, decision.now_ms
    past.handled.add(decision.friction or "none")
    if decision.raised:
        past.raised.add(decision.friction or "none")


def _raising(x: list[float], past: Past) -> tuple[str, str | None]:
    buying = x[_PURCHASES] == 0
    if buying and x[_PAYMENT_ERRORS] >= GATE.payment_errors and "F094" not in past.raised:
        return "payment_failed", "F094"
    idle = x[_SILENT] == 1 and x[_ON_CHECKOUT] == 1 and x[_CART_VALUE] > GATE.idle_cart_value
    if buying and idle and "F089" not in past.raised:
        return "checkout_idle", "F089"
    return "", None


def _lowering(x: list[float]) -> str:
    if x[_ERROR]:
        return "technical_error"
    if x[_SHARE] > GATE.shipping_share and x[_SHIPPING_SHOWN] == 0:
        return "shipping_not_shown"
    return ""


def _hard_stop(x: list[float], receptivity: float) -> str:
    if receptivity < GATE.receptivity:
        return "not_receptive"
    return "dismissal_limit" if x[_DISMISSED] >= PROFILE.dismissals else ""


def _limits(x: list[float], past: Past, tier: int, friction: str | None, raised: bool, now_ms: int) -> str:
    if not raised:
        if x[_AGE_S] < PROFILE.min_age_s:
            return "session_age"
        if tier == ACTIVE and past.active >= PROFILE.active_per_session:
            return "active_limit"
        if tier == NUDGE and past.nudge >= PROFILE.nudge_per_session:
            return "nudge_limit"
        if tier > PASSIVE and past.loud >= PROFILE.loud_per_session:
            return "loud_limit"
    if (friction or "none") in past.handled:
        return "same_friction"
    if past.active_at is not None and now_ms - past.active_at < 1_000 * PROFILE.after_active_s:
        return "after_active"
    if past.nudge_at is not None and now_ms - past.nudge_at < 1_000 * PROFILE.after_nudge_s:
        return "after_nudge"
    if x[_DISMISSED] > 0 and x[_DISMISSED_S] < PROFILE.after_dismissal_s:
        return "after_dismissal"
    if past.any_at is not None and now_ms - past.any_at < 1_000 * GATE.apart_s:
        return "too_soon"
    return ""


@cache
def _arms(friction: str | None, tier: int) -> tuple[tuple[str, float], ...]:
    """The actions for a friction at a tier and no_op, by name, each with its propensity; none without an action."""
    actions = rules.CATALOG.actions(0 if friction is None else _BY_ID[friction].number, tier)
    if not actions:
        return ()
    names = sorted((*actions, NO_OP))
    floors = {name: FLOOR_NO_OP if name == NO_OP else FLOOR for name in names}
    shared = (1.0 - sum(floors.values())) / len(names)
    return tuple((name, floors[name] + shared) for name in names)


def _chosen(arms: tuple[tuple[str, float], ...], draw: float) -> tuple[str, float]:
    upto = 0.0
    for action, propensity in arms:
        upto += propensity
        if draw < upto:
            return action, propensity
    return arms[-1]
