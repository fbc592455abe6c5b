"""The hot path: every evaluation through rules, composite and gates, in one compiled pass without allocation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import ACTIVE, ESCALATE, MONITOR, NUDGE, PASSIVE
from models.ava import gates, rules
from models.ava.catalog import CompiledCatalog
from models.ava.conditions import GATES, MONITOR_TIER, NOTHING, condition_code
from models.ava.history import NO_FRICTION, contains
from models.ava.profiles import profile_table
from models.behaviour.layout import FRICTION_BYTES
from models.jit import Record, njit
from models.signals import SIGNALS

_PROFILES = profile_table()
_MONITOR_TIER = condition_code(MONITOR_TIER)


class Verdicts(NamedTuple):
    """What is made of e evaluations, before arms are looked for; all arrays are `[e]` or `[e, n]`."""

    rule: npt.NDArray[np.float64]
    """float64[e, 5]: the rule engine's signals, 0-100, in the order of SIGNALS."""
    final: npt.NDArray[np.float64]
    """float64[e, 5]: the same with the scorer's adjustments."""
    composite: npt.NDArray[np.float64]
    """float64, 0-100: weighted sum of the final signals."""
    composite_tier: npt.NDArray[np.uint8]
    """uint8: the composite's tier, place in TIERS."""
    tier: npt.NDArray[np.uint8]
    """uint8: the tier that the gates leave."""
    gates: npt.NDArray[np.uint8]
    """uint8[e, 7]: the first condition of each gate that held, place in CONDITIONS, 0 for none."""
    detected: npt.NDArray[np.uint8]
    """uint8[e, 48]: set of the frictions detected."""
    friction: npt.NDArray[np.int16]
    """int16: number of the friction decided on, 0 for none."""
    raised: npt.NDArray[np.uint8]
    """uint8: 1 where gate 2 raised it."""
    suppressed: npt.NDArray[np.uint8]
    """uint8: why nothing is concluded, place in CONDITIONS; 0 where something is."""
    lowered_from: npt.NDArray[np.uint8]
    """uint8: the tier that came to gate 4."""
    lowered_why: npt.NDArray[np.uint8]
    """uint8: a bit for each of gate 4's conditions that held; 0 where none did."""


def judge(
    features: npt.NDArray[np.float32],
    consented: npt.NDArray[np.uint8],
    history: npt.NDArray[np.void],
    adjustments: npt.NDArray[np.float32],
    bound: float,
    site: npt.NDArray[np.int32],
    sites: npt.NDArray[np.void],
    bucket: npt.NDArray[np.uint16],
    catalog: CompiledCatalog,
) -> Verdicts:
    """Judge e evaluations, each by itself.

    features float32[e, 128] in the order of INPUTS; consented uint8[e]: to personalization; history HISTORY_DTYPE[e];
    adjustments float32[e, 5]: what a scorer adds to each signal, and `bound`, 0-100, how far it may; site int32[e]:
    place in `sites`, SITE_DTYPE[s]; bucket uint16[e]: the visitor's place among 10,000.
    """
    verdicts = _room(len(features))
    # One layout in memory, so that one compilation serves every caller.
    _judge_all(
        np.ascontiguousarray(features),
        np.ascontiguousarray(consented),
        np.ascontiguousarray(history),
        np.ascontiguousarray(adjustments),
        float(bound),
        np.ascontiguousarray(site),
        sites,
        np.ascontiguousarray(bucket),
        _PROFILES,
        catalog,
        verdicts,
    )
    return verdicts


def _room(count: int) -> Verdicts:
    return Verdicts(
        rule=np.empty((count, len(SIGNALS))),
        final=np.empty((count, len(SIGNALS))),
        composite=np.empty(count),
        composite_tier=np.empty(count, np.uint8),
        tier=np.empty(count, np.uint8),
        gates=np.empty((count, GATES), np.uint8),
        detected=np.empty((count, FRICTION_BYTES), np.uint8),
        friction=np.empty(count, np.int16),
        raised=np.empty(count, np.uint8),
        suppressed=np.empty(count, np.uint8),
        lowered_from=np.empty(count, np.uint8),
        lowered_why=np.empty(count, np.uint8),
    )


@njit
def _judge_all(
    features: npt.NDArray[np.float32],
    consented: npt.NDArray[np.uint8],
    history: npt.NDArray[np.void],
    adjustments: npt.NDArray[np.float32],
    bound: float,
    site: npt.NDArray[np.int32],
    sites: npt.NDArray[np.void],
    bucket: npt.NDArray[np.uint16],
    profiles: npt.NDArray[np.void],
    catalog: CompiledCatalog,
    verdicts: Verdicts,
) -> None:
    for e in range(len(features)):
        here = sites[site[e]]
        profile = profiles[here.profile]
        found = _score(features[e], history[e], adjustments[e], bound, profile, catalog, verdicts, e)
        verdicts.gates[e, 0] = gates.stop(consented[e], bucket[e], here)
        _through_the_gates(features[e], history[e], here, profile, found, catalog, verdicts, e)


@njit
def _score(
    x: npt.NDArray[np.float32],
    past: Record,
    adjustment: npt.NDArray[np.float32],
    bound: float,
    profile: Record,
    catalog: CompiledCatalog,
    verdicts: Verdicts,
    e: int,
) -> int:
    """Write frictions, signals and composite; returns how many frictions were detected."""
    detected = verdicts.detected[e]
    rule = verdicts.rule[e]
    final = verdicts.final[e]
    found = rules.detect(x, catalog, detected)
    rule[0] = rules.intent(x)
    rule[1] = rules.friction(catalog, detected, found)
    rule[2] = rules.clarity(x, catalog, detected, found)
    rule[3] = rules.receptivity(x, past)
    rule[4] = rules.value(x)
    for s in range(len(SIGNALS)):
        final[s] = rules.clamped(rule[s] + _within_bound(adjustment[s], bound))
    total = profile.intent * final[0] + profile.friction * final[1] + profile.clarity * final[2]
    verdicts.composite[e] = total + profile.receptivity * final[3] + profile.value * final[4]
    verdicts.composite_tier[e] = _tier_of(verdicts.composite[e], profile)
    return found


@njit
def _within_bound(adjustment: np.float32, bound: float) -> float:
    """What a scorer may add; what is no number adds nothing."""
    if adjustment != adjustment:
        return 0.0
    return float(min(max(np.float64(adjustment), -bound), bound))


@njit
def _tier_of(composite: float, profile: Record) -> int:
    """The tier of a composite; a bound belongs to the lower tier."""
    if composite <= profile.monitor_at_most:
        return MONITOR
    if composite <= profile.passive_at_most:
        return PASSIVE
    if composite <= profile.nudge_at_most:
        return NUDGE
    if composite <= profile.active_at_most:
        return ACTIVE
    return ESCALATE


@njit
def _through_the_gates(
    x: npt.NDArray[np.float32],
    past: Record,
    site: Record,
    profile: Record,
    found: int,
    catalog: CompiledCatalog,
    verdicts: Verdicts,
    e: int,
) -> None:
    held = verdicts.gates[e]
    tier = int(verdicts.composite_tier[e])
    most_severe = _most_severe(catalog, verdicts.detected[e], past, site, False)
    friction = _most_severe(catalog, verdicts.detected[e], past, site, True)
    held[1] = NOTHING if found > 0 else gates.NO_FRICTION_FOUND
    if found == 0:
        tier = min(tier, PASSIVE)
    held[2] = gates.raising(x, past, site, catalog)
    held[3] = gates.lowering(x)
    raised = held[2] != NOTHING
    if raised:
        tier = ESCALATE
        friction = gates.raised_friction(held[2])
    elif held[3] != NOTHING:
        tier = min(tier, PASSIVE)
    guard = gates.guarding(tier, not raised and friction != most_severe, site)
    verdicts.lowered_from[e] = tier
    verdicts.lowered_why[e] = guard
    held[4] = gates.first_guard(guard)
    tier = gates.guarded(tier, guard, friction)
    held[5] = gates.hard_stop(x, verdicts.final[e, 3], profile)
    held[6] = gates.limits(x, past, profile, tier, friction, raised)
    verdicts.tier[e] = tier
    verdicts.friction[e] = friction
    verdicts.raised[e] = raised
    verdicts.suppressed[e] = _reason(held, tier)


@njit
def _most_severe(
    catalog: CompiledCatalog, detected: npt.NDArray[np.uint8], past: Record, site: Record, sure: bool
) -> int:
    """The detected friction of highest severity not handled yet, the lowest id among equals.

    `sure`: only of those whose mapping is sure enough for the site. Where all were handled, the most severe of them:
    gate 6 then says so.
    """
    handled = NO_FRICTION
    for k in range(catalog.number.size):
        number = int(catalog.number[k])
        if contains(detected, number) and (not sure or gates.sure(number, catalog, site)):
            if not contains(past.handled, number):
                return number
            if handled == NO_FRICTION:
                handled = number
    return handled


@njit
def _reason(held: npt.NDArray[np.uint8], tier: int) -> int:
    """Why nothing is concluded: gate 0 (the holdout concludes), a tier of MONITOR, gate 5, gate 6."""
    if held[0] != NOTHING and held[0] != gates.HOLDOUT:
        return int(held[0])
    if tier == MONITOR:
        return _MONITOR_TIER
    if held[5] != NOTHING:
        return int(held[5])
    return int(held[6])
