"""Single decisions whose rewards have a known expectation, by the thousand: for learners and estimators to be held to.

The same true effects, clicks and dismissals as in the shop, without its pages: a state is what matters of a visitor at
the moment of a decision, and its reward is drawn at once instead of over ten minutes of events.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import ACTIONS
from models.shop.dice import LABORATORY
from models.shop.effects import DISMISSED, dismiss_share, tier_of_action, true_effect

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FRICTIONS: tuple[str | None, ...] = (None, "F028", "F058", "F068", "F089", "F094", "F117", "F131", "F297")
"""The frictions of the laboratory; a state's friction is a place in it, an action one in ACTIONS."""


@dataclass(frozen=True)
class RewardWeights:
    """r = base + converted y + engaged e - bounced b, 0..1, and 0 after a dismissal (DOMAIN 6, given)."""

    base: float = 0.2
    converted: float = 0.5
    engaged: float = 0.3
    bounced: float = 0.2


WEIGHTS = RewardWeights()


@dataclass(frozen=True)
class Habits:
    """How states are spread (ours): mean and standard deviation of the log-odds of conversion within the window, the
    range of the probability that no event follows, the parameters of the Beta of mean engagements, and how closely an
    engagement keeps to its mean (the sum of its own Beta's parameters)."""

    conversion: tuple[float, float] = (-1.2, 0.8)
    leaving: tuple[float, float] = (0.05, 0.5)
    engagement: tuple[float, float] = (2.0, 3.0)
    closeness: float = 4.0


class States(NamedTuple):
    """n visitors at the moment of a decision; all arrays are `[n]`."""

    friction: Codes
    """int64: place in FRICTIONS."""
    conversion: Floats
    """float64: true log-odds of conversion within the window, without any action."""
    leaving: Floats
    """float64, 0-1: probability that no event follows, which is a bounce."""
    engagement: Floats
    """float64, 0-1: mean engagement e of those who stay."""
    patience: Floats
    """float64, 0-1: as of a visitor."""


_SHIFT = np.array([[true_effect(action, friction) for action in ACTIONS] for friction in FRICTIONS])
_DISMISSED = np.array([DISMISSED[tier_of_action(action)] for action in ACTIONS])


class Laboratory:
    """Draws states and rewards from a generator of its own."""

    def __init__(self, seed: int, habits: Habits | None = None) -> None:
        self._habits = habits or Habits()
        self._draws = np.random.default_rng([seed, LABORATORY])

    def states(self, n: int) -> States:
        """n visitors."""
        draws, habits = self._draws, self._habits
        return States(
            friction=draws.integers(0, len(FRICTIONS), n),
            conversion=draws.normal(*habits.conversion, n),
            leaving=draws.uniform(*habits.leaving, n),
            engagement=draws.beta(*habits.engagement, n),
            patience=draws.random(n),
        )

    def rewards(self, states: States, actions: Codes) -> Floats:
        """float64[n], 0..1: one reward a state, of the action taken: int64[n], places in ACTIONS."""
        draws, closeness, n = self._draws, self._habits.closeness, actions.size
        stays = (draws.random(n) >= dismissal(states, actions)) & (draws.random(n) >= states.leaving)
        converts = draws.random(n) < conversion(states, actions)
        engaged = draws.beta(closeness * states.engagement, closeness * (1.0 - states.engagement))
        return np.where(stays, WEIGHTS.base + WEIGHTS.converted * converts + WEIGHTS.engaged * engaged, 0.0)


def conversion(states: States, actions: Codes) -> Floats:
    """float64[n]: true probability that a visitor who stays buys, after the action."""
    odds = np.exp(states.conversion + _SHIFT[states.friction, actions])
    probability: Floats = odds / (1.0 + odds)
    return probability


def dismissal(states: States, actions: Codes) -> Floats:
    """float64[n]: true probability that the action is dismissed."""
    return dismiss_share(_DISMISSED[actions], _SHIFT[states.friction, actions], states.patience)


def expected_reward(states: States, actions: Codes) -> Floats:
    """float64[n]: the true mean reward of each action, int64[n] places in ACTIONS, in each state.

    Who dismisses has reward 0; who leaves has y = 0, e = 0, b = 1, which is 0 as well.
    """
    stayed = WEIGHTS.base + WEIGHTS.converted * conversion(states, actions) + WEIGHTS.engaged * states.engagement
    left = WEIGHTS.base - WEIGHTS.bounced
    kept: Floats = (1.0 - states.leaving) * stayed + states.leaving * left
    return (1.0 - dismissal(states, actions)) * kept
