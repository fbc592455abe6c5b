"""The choice of an arm by one uniform draw."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


def cumulated(propensities: Sequence[float]) -> tuple[float, ...]:
    """Propensities, in arm-id order, summed up to each arm; exact for those of `models.bandit.best`."""
    return tuple(accumulate(propensities))


def choose(upto: Sequence[float], draw: float) -> int:
    """The place of the arm that a draw in [0, 1) selects: the first whose cumulated propensity exceeds it."""
    return min(bisect_right(upto, draw), len(upto) - 1)
