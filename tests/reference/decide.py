"""One evaluation of a visit, and the decision it may become (docs/live.md, sections 1 to 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.reference import signals
from tests.reference.arms import EXPLORATORY_A_DAY, Choice, choice
from tests.reference.catalog import HASH, NO_OP, NONE, Friction, detected
from tests.reference.draws import Draws
from tests.reference.gates import HOLDOUT, Passed, pass_gates
from tests.reference.moment import vector
from tests.reference.scorer import Scorer
from tests.reference.signals import SIGNALS
from tests.reference.sites import Site, site_from
from tests.reference.tiers import TIERS

if TYPE_CHECKING:
    from tests.reference.timers import FiredTimer
    from tests.reference.visit import Visit

SAMPLE_RATE = 0.01
"""Of the evaluations that conclude nothing, so many are recorded."""


class Judged(NamedTuple):
    """An evaluation as far as the gates."""

    now: int
    site: Site
    bucket: int
    found: list[Friction]
    rule: list[float]
    final: list[float]
    composite: float
    composite_tier: int
    passed: Passed


class Decider:
    """Decides visits one evaluation at a time, by site-configs, a master key and perhaps a scorer."""

    def __init__(
        self,
        master: bytes,
        configs: Iterable[Mapping[str, Any]],
        scorer: Scorer | None = None,
        bound: float = 0.0,
        sample_rate: float = SAMPLE_RATE,
    ) -> None:
        """`bound`: how far, in points, the scorer may move a signal."""
        self.scorer = scorer
        self._bound = bound
        self._sample_rate = sample_rate
        self._draws = Draws(master)
        self._sites = {config["site_id"]: site_from(config, self._draws.key_id) for config in configs}

    def evaluate(self, visit: Visit, now: int, fired: FiredTimer | None = None) -> dict[str, Any] | None:
        """The decision's record, where one is told; what was decided is added to the visit's history.

        Without `feature_set`, the site's stage and its sessions, and with `adjustments` None until they are scored.
        """
        judged = self._judge(visit, now)
        reason = judged.passed.suppressed
        if not reason:
            passed = judged.passed
            explored = visit.explored_today >= EXPLORATORY_A_DAY
            arms = choice(passed.friction, passed.tier, judged.site.forbidden, explored=explored)
            if arms is not None:
                return self._conclude(visit, judged, arms, fired)
            reason = "no_action"
        return self._suppress(visit, judged, reason, fired)

    def _judge(self, visit: Visit, now: int) -> Judged:
        site = self._sites.get(visit.site_id)
        if site is None:
            site = self._sites[visit.site_id] = Site(visit.site_id)
        if visit.bucket is None:
            visit.bucket = self._draws.bucket(visit.site_id, visit.who)
        found = detected(visit, now)
        rule = [
            signals.intent(visit, now),
            signals.friction(found),
            signals.clarity(visit, now, found),
            signals.receptivity(visit, now),
            signals.value(visit),
        ]
        final = self._moved(visit, now, rule) if self._bound else rule
        composite = site.figures.composite(final)
        tier = site.figures.tier(composite)
        passed = pass_gates(visit, now, site, visit.bucket, found, tier, final[SIGNALS.index("receptivity")])
        return Judged(now, site, visit.bucket, found, rule, final, composite, tier, passed)

    def _moved(self, visit: Visit, now: int, rule: list[float]) -> list[float]:
        """The signals with what the scorer adds, within its bound."""
        if self.scorer is None:
            return rule
        (added,) = self.scorer.adjustments([vector(visit, now)])
        bound = self._bound
        return [
            signals.clamped(signal + min(max(points, -bound), bound))
            for signal, points in zip(rule, added, strict=True)
        ]

    def _conclude(self, visit: Visit, judged: Judged, arms: Choice, fired: FiredTimer | None) -> dict[str, Any]:
        past, passed = visit.history, judged.passed
        draw = self._draws.arm(visit.site_id, visit.session_id, visit.start, past.decisions)
        chosen = arms.drawn(draw)
        action = arms.actions[chosen]
        result = HOLDOUT if passed.gates[0] == HOLDOUT else "no_op" if action == NO_OP else "fire"
        record = {
            "decision_id": f"{visit.session_id}:{visit.start}:{past.decisions}",
            "result": result,
            "reason": "",
            "sample_rate": 1.0,
            **self._told(visit, judged, fired),
            "arms": _arms(visit.site_id, passed.friction, arms),
            "draw": draw,
            "arm_id": _arm_id(visit.site_id, passed.friction, action),
            "action": action,
            "exploratory": result == "fire" and chosen != arms.likeliest,
        }
        past.add(passed.friction, passed.tier, passed.raised, judged.now)
        return record

    def _suppress(self, visit: Visit, judged: Judged, reason: str, fired: FiredTimer | None) -> dict[str, Any] | None:
        moment = f"{judged.now}+{visit.events}{'' if fired is None else f':{fired.name}'}"
        if not self._draws.sampled(visit.site_id, visit.session_id, moment, self._sample_rate):
            return None
        return {
            "decision_id": f"{visit.session_id}:{visit.start}:{visit.history.decisions}@{moment}",
            "result": "suppress",
            "reason": reason,
            "sample_rate": self._sample_rate,
            **self._told(visit, judged, fired),
            **{"arms": [], "draw": None, "arm_id": None, "action": "", "exploratory": False},
        }

    def _told(self, visit: Visit, judged: Judged, fired: FiredTimer | None) -> dict[str, Any]:
        site, passed = judged.site, judged.passed
        return {
            "site_id": visit.site_id,
            "session_id": visit.session_id,
            "visit_started_at": visit.start,
            "number": visit.history.decisions,
            "decided_at": judged.now,
            "trigger": "event" if fired is None else "timer",
            "timer": None if fired is None else fired.name,
            "post_session": fired is not None and fired.post_session,
            "features": vector(visit, judged.now),
            "history": visit.history.told(judged.now),
            "rule_signals": dict(zip(SIGNALS, judged.rule, strict=True)),
            "adjustments": None,
            "signals": dict(zip(SIGNALS, judged.final, strict=True)),
            "composite": judged.composite,
            "composite_tier": TIERS[judged.composite_tier],
            "tier": TIERS[passed.tier],
            "frictions": [one.id for one in judged.found],
            "friction_id": None if passed.friction == NONE else passed.friction,
            "gates": list(passed.gates),
            "loud_limit": passed.lowered,
            "holdout_bucket": judged.bucket,
            "scorer": "" if self.scorer is None else self.scorer.version,
            "catalog": HASH,
            "profile": site.profile,
            "mode": site.mode,
            "site_config": site.version,
            "site": site.told(),
        }


def intervention(decision: Mapping[str, Any]) -> dict[str, Any]:
    """The intervention of a decision that fired."""
    names = ("site_id", "session_id", "visit_started_at", "decided_at", "tier", "composite", "friction_id", "trigger")
    return {
        "intervention_id": decision["decision_id"],
        **{name: decision[name] for name in (*names, "action", "arm_id", "exploratory")},
        **decision["signals"],
        "propensity": next(arm["propensity"] for arm in decision["arms"] if arm["arm_id"] == decision["arm_id"]),
    }


def _arm_id(site_id: str, friction: str, action: str) -> str:
    return f"a:{site_id}:{friction}:{action}"


@cache
def _arms(site_id: str, friction: str, choice: Choice) -> list[dict[str, Any]]:
    """The arms as records hold them, shared by all; of each nothing is known: its prior is .5, worth nothing."""
    nothing = {"n": 0, "reward_sum": 0.0, "reward_sum_sq": 0.0, "prior_mean": 0.5, "prior_n": 0.0}
    return [
        {
            "arm_id": _arm_id(site_id, friction, action),
            "action": action,
            "propensity": propensity,
            **nothing,
            "posterior_offset": -1,
        }
        for action, propensity in zip(choice.actions, choice.propensities, strict=True)
    ]
