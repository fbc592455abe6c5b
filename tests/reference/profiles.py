"""The three profiles of a site (DOMAIN.md, 7)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.tiers import ACTIVE, ESCALATE, MONITOR, NUDGE, PASSIVE


@dataclass(frozen=True)
class Profile:
    """Weights of the five signals, highest composite of the tiers below ESCALATE, and the limits of gates 5 and 6."""

    weights: tuple[float, float, float, float, float]
    bounds: tuple[float, float, float, float]
    min_age_s: float
    most_active: int
    most_nudge: int
    most_loud: int
    after_active_s: float
    after_nudge_s: float
    after_dismissal_s: float
    dismissals: int

    def composite(self, signals: list[float]) -> float:
        """The signals by their weights, added up from left to right."""
        total = 0.0
        for weight, signal in zip(self.weights, signals, strict=True):
            total += weight * signal
        return total

    def tier(self, composite: float) -> int:
        """A bound belongs to the lower tier."""
        for tier, bound in zip((MONITOR, PASSIVE, NUDGE, ACTIVE), self.bounds, strict=True):
            if composite <= bound:
                return tier
        return ESCALATE


PROFILES = {
    "default": Profile((0.25, 0.25, 0.15, 0.20, 0.15), (29, 49, 64, 79), 30, 2, 3, 6, 120, 60, 300, 3),
    "aggressive": Profile((0.20, 0.30, 0.10, 0.20, 0.20), (24, 39, 54, 69), 15, 3, 5, 8, 60, 30, 180, 5),
    "conservative": Profile((0.30, 0.20, 0.20, 0.15, 0.15), (39, 59, 74, 89), 60, 1, 2, 4, 300, 120, 600, 2),
}
