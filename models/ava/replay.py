"""A decision made again from its record alone, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from models.ava.actions import arm_id
from models.ava.arms import Choice, KnownArm, eligible_actions, explored_enough
from models.ava.conditions import NO_ACTION, condition_code
from models.ava.deciding import BY_EVENT, Conclusion, Decided, Evaluations, Policy, conclude, judged
from models.ava.draws import Draws
from models.ava.gates import HOLDOUT
from models.ava.history import HISTORY_DTYPE, NEVER_S, friction_id, friction_number, friction_set
from models.ava.judging import Verdicts
from models.ava.records import decision_record
from models.ava.sites import SiteContext
from models.bandit.posterior import UNSEEN, Posterior, Prior
from models.behaviour.codes import TIMERS
from models.behaviour.moment import INPUT_SET, INPUTS
from models.signals import SIGNALS
from schemas.errors import LamstreamError

NOT_TOLD = Prior(0.5, 0.0)
"""In place of the prior of an arm that a record does not hold: comparing then names the arm."""
_NO_ACTION = condition_code(NO_ACTION)


class ReplayRefused(LamstreamError):
    """A record cannot be decided again by what is installed here."""


def redecide(record: Mapping[str, Any], policy: Policy, draws: Draws | None = None) -> dict[str, Any]:
    """The `decision` record that the same inputs give now.

    Inputs are the record's features, history, adjustments, site, bucket, and what it holds of arms; of `policy` the
    catalog and the scorer's bound count. With `draws` under the master key the draw is made again too, else the
    recorded one chooses. Raises ReplayRefused where features or catalog are not those installed here,
    or the inputs are none that a decision can have.
    """
    _refuse(record, policy)
    policy = replace(policy, scorer=record["scorer"], sample_rate=record["sample_rate"])
    try:
        evaluations, site = _evaluation(record), _site(record)
    except (LamstreamError, ValueError, OverflowError, IndexError) as error:
        raise ReplayRefused(
            f"decision {record['decision_id']}: found inputs that no decision has ({error}); expected a record as "
            "this version writes it: look at the record with `lam decision show`"
        ) from error
    verdicts = judged(evaluations, [site], policy)
    conclusion = None
    if not verdicts.suppressed[0]:
        conclusion = _conclusion(record, policy, draws, verdicts, site)
        if conclusion is None:
            verdicts.suppressed[0] = _NO_ACTION
    return decision_record(policy, evaluations, Decided(verdicts, [], []), 0, site, conclusion)


def differences(record: Mapping[str, Any], again: Mapping[str, Any]) -> list[str]:
    """Each field that differs, as `path: recorded value, value now`; numbers are compared exactly."""
    return list(_differences(record, again, ""))


def _differences(was: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for name in {**was, **now}:
            yield from _differences(was.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        for at, pair in enumerate(zip(was, now, strict=True)):
            yield from _differences(*pair, f"{path}[{at}]")
    elif was != now:
        yield f"{path}: {was!r}, now {now!r}"


def _refuse(record: Mapping[str, Any], policy: Policy) -> None:
    installed = {"feature_set": INPUT_SET, "catalog": policy.catalog.hash}
    for name, here in installed.items():
        if record[name] != here:
            raise ReplayRefused(
                f"decision {record['decision_id']}: found {name} {record[name] or '(none)'}; this version has {here}: "
                f"replay it with the version of lamstream that decided it, whose {name} is {record[name] or '(none)'}"
            )
    if len(record["features"]) != len(INPUTS):
        found = len(record["features"])
        raise ReplayRefused(f"decision {record['decision_id']}: found {found} features; expected {len(INPUTS)}")


def _evaluation(record: Mapping[str, Any]) -> Evaluations:
    timer = record["timer"]
    return Evaluations(
        features=np.array([record["features"]], np.float32),
        # Without consent nothing is recorded.
        consented=np.ones(1, np.uint8),
        history=_history(record["history"]),
        adjustments=np.array([[record["adjustments"][name] for name in SIGNALS]], np.float32),
        site=np.zeros(1, np.int32),
        bucket=np.array([record["holdout_bucket"]], np.uint16),
        session=[record["session_id"]],
        visit_started_at=np.array([record["visit_started_at"]], np.int64),
        decided_at=np.array([record["decided_at"]], np.int64),
        timer=np.array([TIMERS.index(timer) if timer is not None else BY_EVENT], np.int8),
        post_session=np.array([record["post_session"]], np.bool_),
    )


def _history(told: Mapping[str, Any]) -> npt.NDArray[np.void]:
    history = np.zeros(1, HISTORY_DTYPE)
    for name in ("decisions", "loud", "active", "nudge"):
        history[name] = told[name]
    for name in ("since_any_s", "since_active_s", "since_nudge_s"):
        history[name] = told[name] if told[name] is not None else NEVER_S
    for name in ("handled", "raised"):
        history[name] = friction_set([friction_number(one) for one in told[name]])
    return history


def _site(record: Mapping[str, Any]) -> SiteContext:
    told = record["site"]
    return SiteContext(
        site_id=record["site_id"],
        config_version=record["site_config"],
        mode=record["mode"],
        profile=record["profile"],
        kill_switch=told["kill_switch"],
        opted_in=told["opted_in"],
        holdout_share=told["holdout_share"],
        forbidden_actions=frozenset(told["forbidden_actions"]),
        stage_version=record["site_stage"],
        sessions=told["sessions"],
    )


def _conclusion(
    record: Mapping[str, Any], policy: Policy, draws: Draws | None, verdicts: Verdicts, site: SiteContext
) -> Conclusion | None:
    friction, tier = int(verdicts.friction[0]), int(verdicts.tier[0])
    actions = eligible_actions(policy.catalog, friction, tier, site.forbidden_actions)
    if not actions:
        return None
    known = {arm["arm_id"]: arm for arm in record["arms"]}
    arms = [_arm(known, site.site_id, friction, action) for action in actions]
    choice = Choice(arms, explored=explored_enough(np.array(record["features"], np.float32)))
    draw = _draw(record, draws)
    raised, held_out = bool(verdicts.raised[0]), bool(verdicts.gates[0, 0] == HOLDOUT)
    return conclude(0, friction, tier, raised, choice, draw, held_out)


def _draw(record: Mapping[str, Any], draws: Draws | None) -> float:
    if draws is not None:
        return draws.arm(record["site_id"], record["session_id"], record["visit_started_at"], record["number"])
    return float(record["draw"] or 0.0)


def _arm(known: Mapping[str, Mapping[str, Any]], site_id: str, friction: int, action: str) -> KnownArm:
    identifier = arm_id(site_id, friction_id(friction), action)
    told = known.get(identifier)
    if told is None:
        return KnownArm(identifier, action, UNSEEN, NOT_TOLD)
    posterior = Posterior(told["n"], told["reward_sum"], told["reward_sum_sq"], told["posterior_offset"])
    return KnownArm(identifier, action, posterior, Prior(told["prior_mean"], told["prior_n"]))
