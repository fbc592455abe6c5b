"""What was decided before in a visit, as rules and gates ask for it (docs/live.md, sections 2 and 3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.reference.catalog import NONE
from tests.reference.float32 import float32
from tests.reference.tiers import ACTIVE, ESCALATE, NUDGE, PASSIVE


@dataclass(slots=True)
class History:
    """Counts, times in ms since the epoch, and ids of frictions; fire, no_op and holdout alike."""

    decisions: int = 0
    loud: int = 0
    """Above PASSIVE."""
    active: int = 0
    nudge: int = 0
    escalate: int = 0
    at: int | None = None
    """Of the last decision."""
    active_at: int | None = None
    nudge_at: int | None = None
    handled: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)

    def add(self, friction: str, tier: int, raised: bool, now: int) -> None:
        """Take in a decision."""
        self.decisions += 1
        self.loud += tier > PASSIVE
        self.at = now
        if tier == ACTIVE:
            self.active += 1
            self.active_at = now
        elif tier == NUDGE:
            self.nudge += 1
            self.nudge_at = now
        self.escalate += tier == ESCALATE
        self.handled.add(friction)
        if raised:
            self.raised.add(friction)

    def told(self, now: int) -> dict[str, Any]:
        """As a decision's record holds it; seconds are float32."""
        return {
            "decisions": self.decisions,
            "loud": self.loud,
            "active": self.active,
            "nudge": self.nudge,
            "since_any_s": since_s(self.at, now),
            "since_active_s": since_s(self.active_at, now),
            "since_nudge_s": since_s(self.nudge_at, now),
            "handled": sorted(self.handled, key=_number),
            "raised": sorted(self.raised, key=_number),
        }


def since_s(then: int | None, now: int) -> float | None:
    """Seconds from then to now, at least 0, float32."""
    return None if then is None else float32(max(0, now - then) / 1_000)


def within(then: int | None, now: int, span_s: float) -> bool:
    """Whether something happened, less than `span_s` ago."""
    since = since_s(then, now)
    return since is not None and since < span_s


def _number(friction: str) -> str:
    """`none` comes first."""
    return "" if friction == NONE else friction
