"""Which containers a visit saw, and what happened since (DOMAIN.md, 2 and 6; docs/live.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.reference.followed import Followed
from tests.reference.rewards import reward
from tests.reference.symbols import Event

if TYPE_CHECKING:
    from tests.reference.visit import Visit

MOST = 8
CREDITED_MS = 1_000


@dataclass(slots=True)
class Exposure:
    """One container in a visit; `at` is an offset in ms."""

    at: int = 0
    tab: str | None = None
    in_view: bool = False
    credited: bool = False
    followed: Followed = field(default_factory=Followed)

    def begin(self, offset: int, tab: str | None) -> None:
        """A page_view names it: what was running in another tab ends, and a new one begins unless one was credited."""
        if self.in_view and offset >= self.at:
            self.end(offset)
        if not self.credited and not self.in_view:
            self.at, self.tab, self.in_view, self.followed = offset, tab, True, Followed()

    def end(self, offset: int) -> None:
        """It is out of view."""
        self.in_view = False
        self.credited |= offset - self.at >= CREDITED_MS


@dataclass(slots=True)
class Exposures:
    """The containers a visit remembers, by id, in the order in which it met them."""

    seen: dict[str, Exposure] = field(default_factory=dict)
    beyond: int = 0
    """Namings of containers that are not remembered."""

    def fold(self, event: Event, kind: str, offset: int, moved: bool, orders: int) -> None:
        """Take in any folded event, first for what is seen, then for what it shows."""
        if kind == "intervention_shown":
            return
        for one in self.seen.values():
            one.followed.fold(event, moved, orders)
        tab: str | None = event.get("tab_id")
        if kind in ("page_view", "page_ping"):
            for one in self.seen.values():
                if one.in_view and one.tab == tab:
                    one.end(offset)
        if kind == "page_view":
            for container in event.get("containers") or ():
                self._show(container, offset, tab)

    def _show(self, container: str, offset: int, tab: str | None) -> None:
        if container not in self.seen:
            if len(self.seen) == MOST:
                self.beyond += 1
                return
            self.seen[container] = Exposure()
        self.seen[container].begin(offset, tab)

    def closed(self, visit: Visit) -> list[dict[str, Any]]:
        """The visit closes, and what is in view stays so up to its last event: a reward-update for each one credited.

        Less the site's stage.
        """
        for one in self.seen.values():
            if one.in_view:
                one.end(visit.last - visit.start)
        return [_record(visit, container, one) for container, one in self.seen.items() if one.credited]


def _record(visit: Visit, container: str, one: Exposure) -> dict[str, Any]:
    begun, then = visit.start + one.at, one.followed
    worth = reward(
        converted=then.orders > 0,
        dwell_s=then.dwell_s,
        scroll=then.scroll,
        pages=then.pages + 1,
        span_s=(visit.last - begun) / 1_000,
    )
    return {
        "reward_id": f"{visit.session_id}:{visit.start}:c:{container}",
        "subject": "container",
        "container_id": container,
        "site_id": visit.site_id,
        "session_id": visit.session_id,
        "visit_started_at": visit.start,
        "result": "container",
        "arm_id": f"c:{visit.site_id}:{container}",
        "from": begun,
        "to": visit.last,
        "reward": worth.reward,
        "converted": then.orders > 0,
        "engagement": worth.engagement,
        "bounced": worth.bounced,
        "dismissed": False,
        "cut": False,
        "defaulted": False,
    }
