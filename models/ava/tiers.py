"""The composite of the signals and the tier it falls into."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.jit import njit
from schemas.vocabulary import TIERS

MONITOR, PASSIVE, NUDGE, ACTIVE, ESCALATE = range(len(TIERS))

WEIGHT_TOLERANCE = 0.001
"""How far the sum of weights may lie from 1 (given)."""


@dataclass(frozen=True)
class Profile:
    """How strongly a site intervenes (DOMAIN 7, given).

    The weights of intent, friction, clarity, receptivity and value sum to 1. A bound, 0-100, is the highest composite
    of the tier below it. Raises ValueError where that does not hold.
    """

    intent: float = 0.25
    friction: float = 0.25
    clarity: float = 0.15
    receptivity: float = 0.20
    value: float = 0.15
    monitor_at_most: float = 29.0
    passive_at_most: float = 49.0
    nudge_at_most: float = 64.0
    active_at_most: float = 79.0

    def __post_init__(self) -> None:
        total = sum(self.weights)
        if not math.isclose(total, 1.0, abs_tol=WEIGHT_TOLERANCE):
            raise ValueError(f"weights must sum to 1, found {total}")
        if list(self.bounds) != sorted(set(self.bounds)):
            raise ValueError(f"tier bounds must rise, found {self.bounds}")

    @property
    def weights(self) -> tuple[float, float, float, float, float]:
        """Of intent, friction, clarity, receptivity and value."""
        return self.intent, self.friction, self.clarity, self.receptivity, self.value

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """The highest composite of MONITOR, PASSIVE, NUDGE and ACTIVE."""
        return self.monitor_at_most, self.passive_at_most, self.nudge_at_most, self.active_at_most


DEFAULT_PROFILE = Profile()

# Kernels take plain numbers as constants, not the attributes of an object.
_INTENT, _FRICTION, _CLARITY, _RECEPTIVITY, _VALUE = DEFAULT_PROFILE.weights
_MONITOR_MOST, _PASSIVE_MOST, _NUDGE_MOST, _ACTIVE_MOST = DEFAULT_PROFILE.bounds


@njit
def composite(intent: float, friction: float, clarity: float, receptivity: float, value: float) -> float:
    """The weighted sum of the signals, 0-100, summed in this order."""
    total = _INTENT * intent + _FRICTION * friction + _CLARITY * clarity
    return total + _RECEPTIVITY * receptivity + _VALUE * value


@njit
def tier_of(composite: float) -> int:
    """The tier's place in TIERS; a bound belongs to the lower tier."""
    if composite <= _MONITOR_MOST:
        return MONITOR
    if composite <= _PASSIVE_MOST:
        return PASSIVE
    if composite <= _NUDGE_MOST:
        return NUDGE
    if composite <= _ACTIVE_MOST:
        return ACTIVE
    return ESCALATE
