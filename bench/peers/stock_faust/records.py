"""Decisions as framed Avro of the product's schemas, by fastavro."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fastavro

from bench.load import single_object_header
from bench.peers.stock_faust.deciding import HOLDOUT_SHARE, SAMPLE_RATE, SCORER, Decision, Past
from bench.peers.stock_faust.rules import CATALOG
from models.behaviour.moment import INPUT_SET
from schemas.vocabulary import TIERS
from tests.reference.visit import Visit

SCHEMAS = Path(__file__).parents[3] / "schemas" / "avsc"
SIGNALS = ("intent", "friction", "clarity", "receptivity", "value")
SITE = {
    "kill_switch": False,
    "opted_in": True,
    "holdout_share": HOLDOUT_SHARE,
    "sessions": 0,
    "forbidden_actions": [],
}


class Writer:
    """Frames and encodes records of one schema."""

    def __init__(self, name: str) -> None:
        schema = json.loads((SCHEMAS / f"{name}.avsc").read_text())
        self._header = single_object_header(schema)
        self._schema = fastavro.parse_schema(schema)

    def __call__(self, record: Mapping[str, Any]) -> bytes:
        out = io.BytesIO()
        out.write(self._header)
        fastavro.schemaless_writer(out, self._schema, record)
        return out.getvalue()


def decision_record(visit: Visit, past: Past, decision: Decision, timer: str | None) -> dict[str, Any]:
    """A record of decision.avsc; `past` is what was before it."""
    now_ms = decision.now_ms
    concluded = decision.result != "suppress"
    identifier = f"{visit.session_id}:{visit.start}:{past.decisions}"
    friction = decision.friction or "none"
    return {
        "decision_id": identifier if concluded else f"{identifier}@{now_ms}",
        "site_id": visit.site_id,
        "session_id": visit.session_id,
        "visit_started_at": visit.start,
        "number": past.decisions,
        "decided_at": now_ms,
        "trigger": "event" if timer is None else "timer",
        "timer": timer,
        "post_session": False,
        "result": decision.result,
        "reason": decision.reason,
        "sample_rate": 1.0 if concluded else SAMPLE_RATE,
        "feature_set": INPUT_SET,
        "features": decision.x,
        "history": {
            "decisions": past.decisions,
            "loud": past.loud,
            "active": past.active,
            "nudge": past.nudge,
            "since_any_s": _since_s(past.any_at, now_ms),
            "since_active_s": _since_s(past.active_at, now_ms),
            "since_nudge_s": _since_s(past.nudge_at, now_ms),
            "handled": sorted(past.handled),
            "raised": sorted(past.raised),
        },
        "rule_signals": dict(zip(SIGNALS, decision.rule, strict=True)),
        "adjustments": dict(zip(SIGNALS, decision.adjustments, strict=True)),
        "signals": dict(zip(SIGNALS, decision.final, strict=True)),
        "composite": decision.composite,
        "composite_tier": TIERS[decision.composite_tier],
        "tier": TIERS[decision.tier],
        "frictions": [one.id for one in decision.frictions],
        "friction_id": decision.friction,
        "gates": decision.gates,
        "loud_limit": "",
        "arms": [
            {
                "arm_id": f"a:{visit.site_id}:{friction}:{action}",
                "action": action,
                "propensity": propensity,
                "n": 0,
                "reward_sum": 0.0,
                "reward_sum_sq": 0.0,
                "prior_mean": 0.0,
                "prior_n": 0.0,
                "posterior_offset": -1,
            }
            for action, propensity in decision.arms
        ],
        "draw": decision.draw,
        "arm_id": f"a:{visit.site_id}:{friction}:{decision.action}" if concluded else None,
        "action": decision.action,
        "holdout_bucket": decision.bucket,
        "scorer": SCORER,
        "catalog": CATALOG.hash,
        "profile": "default",
        "mode": "active",
        "site_config": 1,
        "site_stage": 0,
        "site": SITE,
    }


def intervention_record(record: Mapping[str, Any], decision: Decision) -> dict[str, Any]:
    """A record of intervention.avsc, of the decision record of a conclusion that fires."""
    same = ("site_id", "session_id", "visit_started_at", "decided_at", "tier", "composite", "friction_id", "trigger")
    return {
        "intervention_id": record["decision_id"],
        **{name: record[name] for name in same},
        **record["signals"],
        "action": decision.action,
        "arm_id": record["arm_id"],
        "propensity": decision.propensity,
    }


def _since_s(at_ms: int | None, now_ms: int) -> float | None:
    return None if at_ms is None else (now_ms - at_ms) / 1_000
