"""The arms of a decision, their propensities under frozen posteriors, and the choice (DOMAIN.md, 6 and 7).

Nothing is learned, so every arm's belief is its prior, Beta(1, 1): each of k arms is best with probability 1 / k. The
propensity is floor + (1 - sum of floors) / k, in whole units of 2^-32 that sum to 1; what is left over of a unit goes
to the first arm.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from tests.reference.catalog import NO_OP, actions_of

FLOOR_NO_OP = 0.05
FLOOR = 0.01
UNITS = 2**32
EXPLORATORY_A_DAY = 2


@dataclass(frozen=True)
class Choice:
    """Actions in the order of their arms' ids, the propensity of each, and the place of the likeliest."""

    actions: tuple[str, ...]
    propensities: tuple[float, ...]
    likeliest: int

    def drawn(self, u: float) -> int:
        """The place of the arm that a draw in [0, 1) selects: the first whose cumulated propensity exceeds it."""
        upto = list(accumulate(self.propensities))
        return min(bisect_right(upto, u), len(upto) - 1)


@cache
def choice(friction: str, tier: int, forbidden: frozenset[str], *, explored: bool) -> Choice | None:
    """The allowed actions of exactly this tier, and no_op; None without an action.

    `explored`: the visitor saw enough exploratory interventions for a day, so that of the actions the likeliest is
    left, with what all had. Of arms that are alike the first is the likeliest.
    """
    allowed = [action for action in actions_of(friction, tier) if action not in forbidden]
    if not allowed:
        return None
    actions = sorted([*allowed, NO_OP])
    propensities = _propensities(actions)
    likeliest = actions.index(allowed[0])
    if explored:
        none = propensities[actions.index(NO_OP)]
        propensities = [
            none if action == NO_OP else (1 - none) * (place == likeliest) for place, action in enumerate(actions)
        ]
    return Choice(tuple(actions), tuple(propensities), likeliest)


def _propensities(actions: Sequence[str]) -> list[float]:
    floors = [math.ceil((FLOOR_NO_OP if action == NO_OP else FLOOR) * UNITS) for action in actions]
    units = [floor + (UNITS - sum(floors)) // len(actions) for floor in floors]
    units[0] += UNITS - sum(units)
    return [unit / UNITS for unit in units]
