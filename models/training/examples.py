"""What was evaluated and decided, with what came of each visit afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import ACTION_CODE
from models.behaviour.moment import INPUT_PLACE, INPUTS

NOT_DRAWN = -1
"""In place of an action: nothing was decided, the visitor was in the holdout so that nothing was carried out, or the
reward is not known."""
CARRIED_OUT = ("fire", "no_op")
"""Results of decisions after which the page did what was drawn."""
_ORDERS = INPUT_PLACE["orders"]

Floats = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
Record = Mapping[str, Any]


class Ending(NamedTuple):
    """How a visit stood when it closed."""

    session_id: str
    visit_started_at: int
    """ms since the epoch"""
    orders: int
    cart_items: int


class Told(NamedTuple):
    """What a span of live sessions told: records of topics `decision` and `reward-update`, and the visits closed."""

    decisions: Sequence[Record]
    rewards: Sequence[Record]
    endings: Sequence[Ending]


class Examples(NamedTuple):
    """n evaluations of visits that closed."""

    features: Floats
    """float32[n, 128], in the order of INPUTS."""
    visit: Int64s
    """int64[n]: which visit, in order of closing; what is split is split by it."""
    abandonment: Floats
    """float32[n]: 1 where the visit ends with a cart not bought."""
    conversion: Floats
    """float32[n]: 1 where a purchase follows in the visit."""
    action: Int64s
    """int64[n]: place in ACTIONS of the action drawn and carried out, NOT_DRAWN where there is none."""
    propensity: Floats
    """float32[n], above 0 to 1: the probability with which it was drawn; 1 where none was."""
    reward: Floats
    """float32[n], 0-1: of that decision (DOMAIN 6); 0 where nothing was drawn."""
    friction: npt.NDArray[np.str_]
    """The id of the friction decided on; empty without one."""

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """bool[n]: where an action was drawn and carried out."""
        drawn: npt.NDArray[np.bool_] = self.action != NOT_DRAWN
        return drawn


class _Evaluation(NamedTuple):
    """What is kept of a record of topic `decision` until its visit closes."""

    features: Floats
    decision_id: str
    action: int
    propensity: float
    friction: str


class _Kept(NamedTuple):
    """An evaluation with what followed."""

    evaluation: _Evaluation
    visit: int
    abandoned: bool
    bought: bool
    reward: float | None


def examples(told: Iterable[Told]) -> Examples:
    """The evaluations recorded, of visits that closed, with what followed.

    A reward comes no later than the end of its visit. Evaluations of visits that never close, as those are that
    withdrew consent, are left out. Raises ValueError where there is none.
    """
    gathered = _Gathered()
    for one in told:
        gathered.take(one)
    return gathered.examples()


class _Gathered:
    """Evaluations of open visits, and those of closed ones with their labels."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], list[_Evaluation]] = {}
        self._rewards: dict[str, float] = {}
        self._kept: list[_Kept] = []
        self._visits = 0

    def take(self, told: Told) -> None:
        for record in told.decisions:
            visit = record["session_id"], record["visit_started_at"]
            self._open.setdefault(visit, []).append(_evaluation(record))
        self._rewards |= {r["decision_id"]: r["reward"] for r in told.rewards if r["subject"] == "decision"}
        for ending in told.endings:
            self._close(ending)

    def _close(self, ending: Ending) -> None:
        evaluations = self._open.pop((ending.session_id, ending.visit_started_at), None)
        if evaluations is None:
            return
        for one in evaluations:
            reward = self._rewards.pop(one.decision_id, None)
            bought = bool(ending.orders > one.features[_ORDERS])
            self._kept.append(_Kept(one, self._visits, ending.cart_items > 0, bought, reward))
        self._visits += 1

    def examples(self) -> Examples:
        if not self._kept:
            raise ValueError("found no evaluation of a visit that closed; expected at least one to learn from")
        kept = self._kept
        return Examples(
            features=np.stack([one.evaluation.features for one in kept]),
            visit=np.array([one.visit for one in kept]),
            abandonment=np.array([one.abandoned for one in kept], np.float32),
            conversion=np.array([one.bought for one in kept], np.float32),
            action=np.array([NOT_DRAWN if one.reward is None else one.evaluation.action for one in kept]),
            propensity=np.array([one.evaluation.propensity for one in kept], np.float32),
            reward=np.array([one.reward or 0.0 for one in kept], np.float32),
            friction=np.array([one.evaluation.friction for one in kept]),
        )


def _evaluation(record: Record) -> _Evaluation:
    features = np.array(record["features"], np.float32)
    friction, decision = record["friction_id"] or "", record["decision_id"]
    if features.shape != (len(INPUTS),):
        raise ValueError(f"found {features.size} features in decision {decision}; expected {len(INPUTS)}")
    if record["result"] not in CARRIED_OUT:
        return _Evaluation(features, decision, NOT_DRAWN, 1.0, friction)
    propensity = next(arm["propensity"] for arm in record["arms"] if arm["arm_id"] == record["arm_id"])
    return _Evaluation(features, decision, ACTION_CODE[record["action"]], propensity, friction)
