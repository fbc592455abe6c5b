"""Evaluations of visits, and what followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.actions import ACTION_CODE, ACTIONS, NO_OP
from models.behaviour.moment import INPUT_PLACE, INPUTS
from models.training.examples import NOT_DRAWN, Ending, Told, examples
from tests.models.training.shop import simulated, simulated_examples

STARTED = 1_000
ARMS = {"nudge_suggestion": 0.3, NO_OP: 0.7}


def decision(number: int, result: str, action: str = "", session: str = "s", orders: float = 0) -> dict[str, Any]:
    """A record of an evaluation before which the visit had `orders`."""
    features = [0.0] * len(INPUTS)
    features[INPUT_PLACE["orders"]] = orders
    return {
        "decision_id": f"{session}:{STARTED}:{number}",
        "session_id": session,
        "visit_started_at": STARTED,
        "result": result,
        "features": features,
        "friction_id": "F058" if action else None,
        "arms": [{"arm_id": name, "propensity": p} for name, p in ARMS.items()],
        "arm_id": action or None,
        "action": action,
    }


def reward(number: int, worth: float, subject: str = "decision") -> dict[str, Any]:
    """The record of a decision's reward."""
    return {"subject": subject, "decision_id": f"s:{STARTED}:{number}", "reward": worth}


def ending(orders: int = 0, cart_items: int = 0, session: str = "s") -> Ending:
    """A visit closed."""
    return Ending(session, STARTED, orders, cart_items)


def test_labels_are_what_follows_in_the_visit() -> None:
    """Conversion until the purchase, not after it; abandonment all along where the cart stays full."""
    before, after = decision(0, "suppress"), decision(1, "suppress", orders=1)
    found = examples([Told([before], [], []), Told([after], [], [ending(orders=1)])])
    assert list(found.conversion) == [1, 0]
    assert list(found.abandonment) == [0, 0]
    assert list(examples([Told([before], [], [ending(cart_items=2)])]).abandonment) == [1]


def test_only_what_was_drawn_and_carried_out_has_a_value() -> None:
    """Fire and no_op have their action, propensity and reward; holdout and suppress have none."""
    decisions = [
        decision(0, "fire", "nudge_suggestion"),
        decision(1, "no_op", NO_OP),
        decision(2, "holdout", "nudge_suggestion"),
        decision(3, "suppress"),
    ]
    told = Told(decisions, [reward(0, 0.5), reward(1, 0.25), reward(2, 0.75)], [ending()])
    found = examples([told])
    assert list(found.action) == [ACTION_CODE["nudge_suggestion"], ACTION_CODE[NO_OP], NOT_DRAWN, NOT_DRAWN]
    assert list(found.drawn) == [True, True, False, False]
    assert found.propensity.tolist() == pytest.approx([0.3, 0.7, 1, 1])
    assert found.reward.tolist()[:2] == [0.5, 0.25]
    assert found.friction.tolist()[:2] == ["F058", "F058"]


def test_a_decision_whose_reward_is_not_known_teaches_no_value() -> None:
    """Nor does the reward of a container that the visit saw count for it."""
    found = examples([Told([decision(0, "no_op", NO_OP)], [reward(0, 0.5, subject="container")], [ending()])])
    assert list(found.drawn) == [False]


def test_visits_are_apart_and_open_ones_left_out() -> None:
    """Two visits closed and one that is not."""
    decisions = [decision(0, "suppress", session=name) for name in "sto"]
    found = examples([Told(decisions, [], [ending(session="t"), ending(orders=1)])])
    assert list(found.visit) == [0, 1]
    assert list(found.conversion) == [0, 1]


def test_without_a_visit_there_is_nothing_to_learn() -> None:
    """An empty source is an error that says so."""
    with pytest.raises(ValueError, match="no evaluation of a visit that closed"):
        examples([Told([decision(0, "suppress")], [], [])])


def test_examples_of_the_shop_are_as_declared() -> None:
    """Finite features, labels that come both ways, rewards of 0-1, several actions drawn, most of them with no_op."""
    found = simulated_examples()
    assert np.isfinite(found.features).all()
    for labels in (found.abandonment, found.conversion):
        assert set(labels.tolist()) == {0.0, 1.0}
    assert 0 <= found.reward.min() < found.reward.max() <= 1
    drawn = {ACTIONS[code] for code in found.action[found.drawn]}
    assert len(drawn) > 8
    assert NO_OP in drawn
    assert 0 < found.propensity.min() <= found.propensity[found.drawn].max() < 1


def test_every_decision_of_a_closed_visit_has_its_reward() -> None:
    """What was fired or not is as often drawn in the examples as decided in the records of visits that closed."""
    told = simulated()
    closed = {(e.session_id, e.visit_started_at) for one in told for e in one.endings}
    decided = [d for one in told for d in one.decisions if d["result"] in ("fire", "no_op")]
    of_closed = [d for d in decided if (d["session_id"], d["visit_started_at"]) in closed]
    assert simulated_examples().drawn.sum() == len(of_closed) > 0.9 * len(decided)
