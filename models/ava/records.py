"""Records of topics `decision` and `intervention`, as plain values, from what was decided."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from models.ava.catalog import Catalog, severest_first
from models.ava.conditions import CONDITIONS
from models.ava.deciding import BY_EVENT, SUPPRESSED, Conclusion, Decided, Evaluations, Policy, moments
from models.ava.gates import MODE_CONDITIONS
from models.ava.history import NEVER_S, NO_FRICTION, friction_id, members
from models.ava.judging import Verdicts
from models.ava.sites import SiteContext
from models.behaviour.codes import BY_TIMER, TIMERS
from models.behaviour.moment import INPUT_SET
from models.signals import SIGNALS
from schemas.vocabulary import TIERS, TRIGGERS

LARGEST_ADJUSTMENT = 100.0
"""What a record admits."""
EVERY_ONE = 1.0
"""Every conclusion is recorded."""


def decision_record(
    policy: Policy,
    evaluations: Evaluations,
    decided: Decided,
    evaluation: int,
    site: SiteContext,
    conclusion: Conclusion | None = None,
) -> dict[str, Any]:
    """The `decision` record of one evaluation; `conclusion` is None for one that concluded nothing."""
    e, verdicts = evaluation, decided.verdicts
    return {
        **_identity(evaluations, e, site, conclusion),
        **_result(policy, verdicts, e, conclusion),
        "feature_set": INPUT_SET,
        "features": evaluations.features[e].tolist(),
        "history": _history(evaluations, e),
        **_judgement(evaluations, verdicts, e, policy.catalog),
        **_choice(conclusion),
        "holdout_bucket": int(evaluations.bucket[e]),
        "scorer": policy.scorer,
        "catalog": policy.catalog.hash,
        **_site(site),
    }


def intervention_record(
    evaluations: Evaluations, decided: Decided, conclusion: Conclusion, site: SiteContext
) -> dict[str, Any]:
    """The `intervention` record of a conclusion whose result is fire."""
    e = conclusion.evaluation
    return {
        "intervention_id": decision_id(evaluations, e),
        "site_id": site.site_id,
        "session_id": evaluations.session[e],
        "visit_started_at": int(evaluations.visit_started_at[e]),
        "decided_at": int(evaluations.decided_at[e]),
        "tier": TIERS[conclusion.tier],
        "composite": float(decided.verdicts.composite[e]),
        **_signals(decided.verdicts.final[e]),
        "friction_id": friction_id(conclusion.friction) if conclusion.friction != NO_FRICTION else None,
        "trigger": _trigger(evaluations, e),
        "action": conclusion.action,
        "arm_id": conclusion.arm_id,
        "propensity": conclusion.propensity,
        "exploratory": conclusion.exploratory,
    }


def decision_id(evaluations: Evaluations, e: int) -> str:
    """session:visit_started_at:number, of a conclusion."""
    number = int(evaluations.history["decisions"][e])
    return numbered(evaluations.session[e], int(evaluations.visit_started_at[e]), number)


def numbered(session: str, visit_started_at: int, number: int) -> str:
    """The id of a visit's decision of that number."""
    return f"{session}:{visit_started_at}:{number}"


def _identity(evaluations: Evaluations, e: int, site: SiteContext, conclusion: Conclusion | None) -> dict[str, Any]:
    timer = int(evaluations.timer[e])
    identifier = decision_id(evaluations, e)
    if conclusion is None:
        # The number belongs to the next conclusion; what concluded nothing must not take its id.
        (moment,) = moments(evaluations, np.array([e]))
        identifier = f"{identifier}@{moment}"
    return {
        "decision_id": identifier,
        "site_id": site.site_id,
        "session_id": evaluations.session[e],
        "visit_started_at": int(evaluations.visit_started_at[e]),
        "number": int(evaluations.history["decisions"][e]),
        "decided_at": int(evaluations.decided_at[e]),
        "trigger": _trigger(evaluations, e),
        "timer": TIMERS[timer] if timer != BY_EVENT else None,
        "post_session": bool(evaluations.post_session[e]),
    }


def _trigger(evaluations: Evaluations, e: int) -> str:
    return TRIGGERS[BY_TIMER if evaluations.timer[e] != BY_EVENT else 1 - BY_TIMER]


def _result(policy: Policy, verdicts: Verdicts, e: int, conclusion: Conclusion | None) -> dict[str, Any]:
    if conclusion is not None:
        return {"result": conclusion.result, "reason": "", "sample_rate": EVERY_ONE}
    return {
        "result": SUPPRESSED,
        "reason": CONDITIONS[verdicts.suppressed[e]],
        "sample_rate": policy.sample_rate,
    }


def _history(evaluations: Evaluations, e: int) -> dict[str, Any]:
    decisions, loud, active, nudge, since_any_s, since_active_s, since_nudge_s, handled, raised = evaluations.history[
        e
    ].item()
    return {
        "decisions": decisions,
        "loud": loud,
        "active": active,
        "nudge": nudge,
        "since_any_s": _since(since_any_s),
        "since_active_s": _since(since_active_s),
        "since_nudge_s": _since(since_nudge_s),
        "handled": [friction_id(number) for number in members(handled)],
        "raised": [friction_id(number) for number in members(raised)],
    }


def _since(seconds: float) -> float | None:
    return seconds if seconds != NEVER_S else None


def _judgement(evaluations: Evaluations, verdicts: Verdicts, e: int, catalog: Catalog) -> dict[str, Any]:
    friction = int(verdicts.friction[e])
    by_number = catalog.by_number
    detected = [by_number[number] for number in members(verdicts.detected[e])]
    return {
        "rule_signals": _signals(verdicts.rule[e]),
        "adjustments": {name: _admitted(v) for name, v in _signals(evaluations.adjustments[e]).items()},
        "signals": _signals(verdicts.final[e]),
        "composite": float(verdicts.composite[e]),
        "composite_tier": TIERS[verdicts.composite_tier[e]],
        "tier": TIERS[verdicts.tier[e]],
        "frictions": [one.id for one in sorted(detected, key=severest_first)],
        "friction_id": friction_id(friction) if friction != NO_FRICTION else None,
        "gates": [CONDITIONS[condition] for condition in verdicts.gates[e].tolist()],
        "loud_limit": _lowered(verdicts, e),
    }


def _signals(values: Any) -> dict[str, float]:
    return dict(zip(SIGNALS, values.tolist(), strict=True))


def _admitted(adjustment: float) -> float:
    """An adjustment as a record may hold it; the kernel takes what is no number for 0, and so does this."""
    if math.isnan(adjustment):
        return 0.0
    return min(max(adjustment, -LARGEST_ADJUSTMENT), LARGEST_ADJUSTMENT)


def _lowered(verdicts: Verdicts, e: int) -> str:
    why = int(verdicts.lowered_why[e])
    if not why:
        return ""
    reasons = ", ".join(CONDITIONS[condition] for bit, condition in enumerate(MODE_CONDITIONS) if why & (1 << bit))
    before, after = TIERS[verdicts.lowered_from[e]], TIERS[verdicts.tier[e]]
    # A friction that is passed over for another one leaves the tier as it was.
    return f"{before} to {after}: {reasons}" if before != after else f"{after}: {reasons}"


def _choice(conclusion: Conclusion | None) -> dict[str, Any]:
    if conclusion is None:
        return {"arms": [], "draw": None, "arm_id": None, "action": "", "exploratory": False}
    choice = conclusion.choice
    return {
        "arms": list(choice.told),
        "draw": conclusion.draw,
        "arm_id": conclusion.arm_id,
        "action": conclusion.action,
        "exploratory": conclusion.exploratory,
    }


def _site(site: SiteContext) -> dict[str, Any]:
    return {
        "profile": site.profile,
        "mode": site.mode,
        "site_config": site.config_version,
        "site_stage": site.stage_version,
        "site": {
            "kill_switch": site.kill_switch,
            "opted_in": site.opted_in,
            "holdout_share": site.holdout_share,
            "sessions": site.sessions,
            "forbidden_actions": sorted(site.forbidden_actions),
        },
    }
