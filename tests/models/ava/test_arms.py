"""The choice between arms."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.actions import NO_OP
from models.ava.arms import EXPLORATORY_A_DAY, Choice, KnownArm, explored_enough
from models.bandit.posterior import Posterior, Prior
from models.behaviour.moment import INPUT_PLACE, INPUTS

REWARDS = st.lists(st.integers(0, 90), min_size=1, max_size=5)


def arms(rewards: list[int]) -> list[KnownArm]:
    """An arm for each number of rewards of 1 among 90, and one of doing nothing."""
    known = [("nudge_" + str(k), Posterior(90, float(n), float(n))) for k, n in enumerate(rewards)]
    known.append((NO_OP, Posterior(90, 40.0, 40.0)))
    return [KnownArm(f"a:s:F001:{action}", action, posterior, Prior(0.5, 0.0)) for action, posterior in known]


@given(REWARDS)
def test_who_explored_enough_is_shown_the_likeliest_action_alone(rewards: list[int]) -> None:
    """It has what all actions had; doing nothing keeps its propensity, and all sum to 1."""
    free, settled = Choice(arms(rewards)), Choice(arms(rewards), explored=True)
    names = [arm.action for arm in free.arms]
    no_op = names.index(NO_OP)
    assert settled.propensities[no_op] == free.propensities[no_op]
    assert sum(settled.propensities) == 1.0
    (likeliest,) = (k for k, p in enumerate(settled.propensities) if p > 0 and k != no_op)
    assert free.propensities[likeliest] == max(p for k, p in enumerate(free.propensities) if k != no_op)


def test_two_a_day_are_enough() -> None:
    """The event says how many there were."""
    features = np.zeros(len(INPUTS), np.float32)
    assert not explored_enough(features)
    features[INPUT_PLACE["explored_today"]] = EXPLORATORY_A_DAY
    assert explored_enough(features)
