"""What follows a decision: the window in which its reward is gathered (docs/live.md, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.reference.followed import Followed
from tests.reference.rewards import Reward, reward
from tests.reference.symbols import Event

WINDOW_MS = 600_000


@dataclass(slots=True)
class Window:
    """The open window of a decision; times in ms since the epoch."""

    decision: dict[str, Any]
    """Its record."""
    followed: Followed = field(default_factory=Followed)
    events: int = 0
    last: int = 0
    """Of the last event in the window, from the decision on, in ms."""
    dismissed: bool = False

    @property
    def begins(self) -> int:
        """When it was decided."""
        at: int = self.decision["decided_at"]
        return at

    @property
    def ends(self) -> int:
        """When it ends by itself."""
        return self.begins + WINDOW_MS

    def fold(self, event: Event, kind: str, t: int, moved: bool, orders: int) -> None:
        """Take in any folded event."""
        after = t - self.begins
        if kind == "intervention_shown" or not 0 < after <= WINDOW_MS:
            return
        self.events += 1
        self.last = max(self.last, after)
        self.followed.fold(event, moved, orders)
        if kind == "intervention_dismissed" and self.decision["result"] == "fire":
            self.dismissed |= event.get("intervention_id") in (None, self.decision["decision_id"])

    def ends_at_close(self, last: int, told_at: int, closes_at: int) -> int:
        """Where it ends if the visit, whose last event was at `last`, closes first.

        By itself, if time alone would have told it before it closed the visit; else with the last event, but not
        before it began.
        """
        return self.ends if told_at <= closes_at else min(max(last, self.begins), self.ends)

    def record(self, to: int, *, cut: bool) -> dict[str, Any]:
        """The reward-update it comes to, less the site's stage."""
        one, defaulted = self.decision, self.events == 0
        worth = self._worth()
        return {
            "reward_id": one["decision_id"],
            "subject": "decision",
            **{name: one[name] for name in ("decision_id", "site_id", "session_id", "visit_started_at", "result")},
            **{name: one[name] for name in ("arm_id", "friction_id", "action")},
            "propensity": next(arm["propensity"] for arm in one["arms"] if arm["arm_id"] == one["arm_id"]),
            "from": self.begins,
            "to": to,
            "reward": 0.0 if defaulted or self.dismissed else worth.reward,
            "converted": self.followed.orders > 0,
            "engagement": 0.0 if defaulted else worth.engagement,
            "bounced": defaulted or worth.bounced,
            "dismissed": self.dismissed,
            "cut": cut,
            "defaulted": defaulted,
        }

    def _worth(self) -> Reward:
        """The page it was decided on counts as one."""
        then = self.followed
        return reward(
            converted=then.orders > 0,
            dwell_s=then.dwell_s,
            scroll=then.scroll,
            pages=then.pages + 1,
            span_s=self.last / 1_000,
        )
