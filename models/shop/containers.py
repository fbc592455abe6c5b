"""Containers of one site and page type: born by mutations, retired by tombstones, with true effects on visitors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from models.shop.config import SECOND_MS, ContainerHabits
from models.shop.dice import Dice
from models.shop.pages import DISTASTE, TASTE, Page, changed, directions, first_page, liking

OWN_EFFECT = 0.1
"""Standard deviation of what a container adds to both log-odds beyond its directions (ours)."""
SEVERAL = 0.15
"""Share of page views that show a second variant beside the first (ours), for sections of one page."""
STRANGER_CLAIM = {"urgency": 0.0, "scarcity": 0.0, "trust": 0.8, "friction": 0.0, "aesthetic_complexity": 0.0}
"""What an untrue mutation claims, whatever it does."""
SOON_MS = (SECOND_MS, 20 * SECOND_MS)
"""When the second of an odd pair of records follows the first."""
OTHER_REASONS = ("timeout", "diff_violation", "manual")
_OTHER_REASON = 0.3
"""Share of retirements for another reason than how the container did."""


@dataclass
class Container:
    """A container and the truth about it. Effects are on the log-odds, times are true ms since the epoch."""

    container_id: str
    site_id: str
    page_type: str
    parent_id: str | None
    page: Page
    conversion_effect: float
    bounce_effect: float
    born_ms: int
    retires_ms: int
    retired_ms: int | None = None
    exposed: int = 0
    """Visits that saw it, whatever they consented to."""
    odd: list[str] = field(default_factory=list)

    @property
    def truth(self) -> dict[str, Any]:
        """As a line of the truth."""
        return {name: value for name, value in vars(self).items() if name not in ("page", "retires_ms")}


class Made(NamedTuple):
    """A record of a container and when it happened, ms since the epoch."""

    at_ms: int
    topic: str
    record: dict[str, Any]


class Gallery:
    """The containers of one site and page type. Visitors may see the `live`; `retired` is for the owner to empty."""

    def __init__(self, site_id: str, page_type: str, habits: ContainerHabits, dice: Dice) -> None:
        self.live: list[Container] = []
        self.retired: list[Container] = []
        self._site_id = site_id
        self._page_type = page_type
        self._habits = habits
        self._dice = dice
        self._withheld: dict[str, dict[str, Any]] = {}

    @property
    def due_ms(self) -> int:
        """When the next container retires."""
        return min(container.retires_ms for container in self.live)

    def shown(self, dice: Dice) -> tuple[Container, ...]:
        """What one page shows a visitor: one of the live, sometimes two or three."""
        live = self.live
        at = dice.below(len(live))
        if not dice.chance(SEVERAL):
            return (live[at],)
        return tuple((live[at:] + live[:at])[: 2 + dice.below(2)])

    def open(self, at_ms: int) -> list[Made]:
        """The first containers, without parents."""
        low, high = self._habits.alive
        made: list[Made] = []
        for _ in range(low + self._dice.below(high - low)):
            made += self._bear(None, at_ms)
        return made

    def turn(self, at_ms: int) -> list[Made]:
        """Retire the containers that are due, each after its successors are born."""
        made: list[Made] = []
        for old in [container for container in self.live if container.retires_ms <= at_ms]:
            low, high = self._habits.alive
            # So many that between `low` and `high` remain without the old one.
            wanted = low + self._dice.below(high - low + 1)
            for _ in range(wanted - len(self.live) + 1):
                made += self._bear(self._dice.pick(self.live), at_ms)
            made += self._retire(old, at_ms)
        if self._dice.chance(self._habits.odd):
            made.append(self._tombstone(self._dice.uuid(), at_ms, "manual"))
        return made

    def close(self, at_ms: int) -> list[Made]:
        """Retire all that is left."""
        return [record for container in list(self.live) for record in self._retire(container, at_ms)]

    def _bear(self, parent: Container | None, at_ms: int) -> list[Made]:
        dice, page_type = self._dice, self._page_type
        page = changed(parent.page, dice) if parent else first_page(page_type, dice)
        child = Container(
            container_id=dice.uuid(),
            site_id=self._site_id,
            page_type=page_type,
            parent_id=parent.container_id if parent else None,
            page=page,
            conversion_effect=liking(page_type, page, TASTE) + OWN_EFFECT * dice.normal(),
            bounce_effect=liking(page_type, page, DISTASTE) + OWN_EFFECT * dice.normal(),
            born_ms=at_ms,
            retires_ms=at_ms + int(dice.between(*self._habits.life_ms)),
        )
        self.live.append(child)
        mutation = self._mutation(child, parent)
        if dice.chance(self._habits.odd):
            child.odd.append("mutation_after_tombstone")
            self._withheld[child.container_id] = mutation
            return []
        return [Made(at_ms, "mutation", mutation)]

    def _retire(self, old: Container, at_ms: int) -> list[Made]:
        dice = self._dice
        self.live.remove(old)
        self.retired.append(old)
        old.retired_ms = at_ms
        reason = dice.pick(OTHER_REASONS) if dice.chance(_OTHER_REASON) else self._verdict(old)
        made = [self._tombstone(old.container_id, at_ms, reason)]
        withheld = self._withheld.pop(old.container_id, None)
        if withheld is not None:
            made.append(Made(self._soon(at_ms), "mutation", withheld))
        if dice.chance(self._habits.odd):
            old.odd.append("tombstone_repeated")
            made.append(self._tombstone(old.container_id, self._soon(at_ms), reason))
        return made

    def _verdict(self, old: Container) -> str:
        """What a router that knew the truth would say."""
        others = [container.conversion_effect for container in self.live] or [0.0]
        return "converged" if old.conversion_effect > sum(others) / len(others) else "underperform"

    def _soon(self, at_ms: int) -> int:
        return at_ms + int(self._dice.between(*SOON_MS))

    def _mutation(self, child: Container, parent: Container | None) -> dict[str, Any]:
        dice, habits = self._dice, self._habits
        before = parent.page if parent else None
        claimed = hypothesis = None
        if before is not None:
            honest = directions(before.components, child.page.components)
            claimed = STRANGER_CLAIM if dice.chance(habits.untrue) else honest
        if not dice.chance(habits.unexplained):
            hypothesis = f"more visitors go on from this {self._page_type}"
        return {
            "event_id": dice.uuid(),
            "site_id": child.site_id,
            "container_id": child.container_id,
            "parent_id": child.parent_id,
            "version": 1,
            "occurred_at": child.born_ms,
            "before": before.record if before else None,
            "after": child.page.record,
            "claimed": claimed,
            "hypothesis": hypothesis,
        }

    def _tombstone(self, container_id: str, at_ms: int, reason: str) -> Made:
        record = {
            "event_id": self._dice.uuid(),
            "site_id": self._site_id,
            "container_id": container_id,
            "occurred_at": at_ms,
            "reason": reason,
        }
        return Made(at_ms, "tombstone", record)
