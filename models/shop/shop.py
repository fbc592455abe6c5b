"""The shop as a whole: arrivals, visits, containers and the network, in order of event time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from models.actions import NO_OP
from models.shop.config import MINUTE_MS, SECOND_MS, ShopConfig
from models.shop.containers import Gallery, Made
from models.shop.dice import ARRIVALS, GALLERIES, JOURNEYS, WIRES, Dice, Weighted
from models.shop.effects import TRUE_EFFECTS, true_effect
from models.shop.journeys import Steps, journey
from models.shop.pages import FIRST_PAGES
from models.shop.truth import Truth
from models.shop.visit import Record, Shown, Visit
from models.shop.visitor import draw_visitor

SERVER_LAG_MS, SERVER_DELAY_MS = 20, 40
"""Of records that the site itself sends: from happening to sending, and from there to the collector."""
GOES_ON_S = (1.0, 8.0)
"""How soon a visitor goes on who clicked or dismissed what was shown (ours)."""


class Sent(NamedTuple):
    """A record as it arrives at the collector, ms since the epoch."""

    at_ms: int
    topic: str
    record: Record


class Shop:
    """A simulated shop that opens at `start_ms`, ms since the epoch. Time passes only in `advance`.

    The same config and start, and the same interventions heard at the same times, give the same records; what one
    visitor is shown changes no other's.
    """

    def __init__(self, config: ShopConfig, start_ms: int) -> None:
        self.config = config
        self.now_ms = start_ms
        self.truth = Truth(
            (site.site_id for site in config.sites),
            seed=config.seed,
            visits_per_minute=config.visits_per_minute,
            start_ms=start_ms,
        )
        self._agenda: list[tuple[int, int, Callable[[int, Any], None], Any]] = []
        self._flying: list[tuple[int, int, str, Record, Visit | None]] = []
        self._serial = 0
        self._present: dict[str, _Guest] = {}
        self._number = 0
        self._door_open = self._galleries_open = True
        self._arrivals = Dice(config.seed, ARRIVALS)
        self._next_arrival = float(start_ms)
        self._sites = Weighted({site: site.share for site in config.sites})
        self._galleries = {
            site.site_id: {
                page_type: Gallery(site.site_id, page_type, config.containers, Dice(config.seed, GALLERIES, one, other))
                for other, page_type in enumerate(FIRST_PAGES)
            }
            for one, site in enumerate(config.sites)
        }
        for gallery in self._all_galleries():
            self._made(gallery.open(start_ms))
            self._at(gallery.due_ms, self._turn, gallery)
        self._at(start_ms, self._arrive, None)

    def site_configs(self) -> list[Record]:
        """What operators said of the sites before the shop opened."""
        return [record for site in self.config.sites if (record := site.record) is not None]

    @property
    def empty(self) -> bool:
        """Whether every visitor has left and everything sent has arrived."""
        return not self._present and not self._flying

    @property
    def containers_alive(self) -> int:
        """Containers that visitors may see."""
        return sum(len(gallery.live) for gallery in self._all_galleries())

    def advance(self, until_ms: int) -> list[Sent]:
        """Let event time pass to `until_ms`; all records that arrive until then, in order of arrival."""
        agenda, flying = self._agenda, self._flying
        while agenda and agenda[0][0] <= until_ms:
            at_ms, _, act, what = heapq.heappop(agenda)
            self.now_ms = max(self.now_ms, at_ms)
            act(at_ms, what)
        self.now_ms = max(self.now_ms, until_ms)
        arrived = []
        while flying and flying[0][0] <= until_ms:
            at_ms, _, topic, record, visit = heapq.heappop(flying)
            arrived.append(Sent(at_ms, topic, record))
            if visit is None:
                self.truth.container_record(topic, record)
            else:
                self.truth.arrived(visit, record)
                self._landed(visit)
        return arrived

    def hear(self, intervention: Mapping[str, Any], at_ms: int) -> None:
        """An intervention reaches the site at event time `at_ms`, or now where that has passed.

        It has the fields of the record `intervention`. Nothing happens where the visitor has left.
        """
        self._at(max(at_ms, self.now_ms), self._deliver, dict(intervention))

    def close_door(self) -> None:
        """Nobody comes any more; those within stay as long as they like."""
        self._door_open = False

    def retire_all(self) -> None:
        """Every container ends now."""
        self._galleries_open = False
        for gallery in self._all_galleries():
            self._made(gallery.close(self.now_ms))
            self._note_retired(gallery)

    def totals(self) -> dict[str, Any]:
        """The truth so far, as JSON."""
        return self.truth.totals(self.containers_alive) | {"end_ms": self.now_ms}

    # The agenda

    def _at(self, at_ms: int, act: Callable[[int, Any], None], what: Any) -> None:
        self._serial += 1
        heapq.heappush(self._agenda, (at_ms, self._serial, act, what))

    def _fly(self, topic: str, record: Record, visit: Visit | None) -> None:
        self._serial += 1
        heapq.heappush(self._flying, (record["received_at"], self._serial, topic, record, visit))

    # Visitors

    def _arrive(self, at_ms: int, _: None) -> None:
        if not self._door_open:
            return
        config, number = self.config, self._number
        self._number += 1
        dice = Dice(config.seed, JOURNEYS, number)
        visitor = draw_visitor(config, self._sites, dice)
        visit = Visit(
            number,
            visitor,
            at_ms,
            self._galleries[visitor.site.site_id],
            config,
            dice,
            Dice(config.seed, WIRES, number),
            self._send,
        )
        guest = _Guest(visit)
        self._present[visit.session_id] = guest
        self._step(at_ms, (guest, guest.appointment))
        self._next_arrival += self._arrivals.wait(MINUTE_MS / config.visits_per_minute)
        self._at(int(self._next_arrival), self._arrive, None)

    def _step(self, at_ms: int, what: tuple[_Guest, int]) -> None:
        guest, appointment = what
        if guest.visit.ended or guest.appointment != appointment:
            return
        visit = guest.visit
        visit.now_ms = max(visit.now_ms, at_ms)
        pause_s = next(guest.steps, None)
        due_ms = visit.now_ms + max(1, int((pause_s or 0) * SECOND_MS))
        if pause_s is None or due_ms > visit.start_ms + self.config.longest_visit_ms:
            visit.ended = True
            del self._present[visit.session_id]
            self._over(visit)
            return
        self._go_on(guest, due_ms)

    def _go_on(self, guest: _Guest, due_ms: int) -> None:
        guest.appointment += 1
        guest.visit.due_ms = due_ms
        self._at(due_ms, self._step, (guest, guest.appointment))

    def _send(self, visit: Visit, record: Record) -> None:
        visit.flying += 1
        self._fly("session-event", record, visit)

    def _landed(self, visit: Visit) -> None:
        visit.flying -= 1
        self._over(visit)

    def _over(self, visit: Visit) -> None:
        if visit.ended and not visit.flying:
            self.truth.visit_ended(visit)

    # Interventions

    def _deliver(self, at_ms: int, intervention: Record) -> None:
        counts = self.truth.interventions
        counts["heard"] += 1
        guest = self._present.get(intervention["session_id"])
        if guest is None:
            counts["gone"] += 1
            return
        visit, action = guest.visit, intervention.get("action", "")
        if any(known["intervention_id"] == intervention["intervention_id"] for known in visit.heard):
            counts["repeated"] += 1
            return
        note = {name: intervention.get(name) for name in ("intervention_id", "tier", "action", "friction_id")}
        note |= {"decided_ms": intervention.get("decided_at"), "heard_ms": at_ms, "shown_ms": None, "reaction": None}
        visit.heard.append(note)
        if action == NO_OP:
            counts["no_op"] += 1
            return
        counts["unknown_action"] += action not in TRUE_EFFECTS
        delay_ms = int(visit.wire.between(*self.config.network.delivery_ms))
        self._at(at_ms + delay_ms, self._show, (guest, intervention, note))

    def _show(self, at_ms: int, what: tuple[_Guest, Record, Record]) -> None:
        guest, intervention, note = what
        visit = guest.visit
        if visit.ended:
            self.truth.interventions["gone"] += 1
            return
        shown = visit.show(intervention, at_ms)
        note |= {"shown_ms": visit.now_ms, "effect": true_effect(note["action"] or "", note["friction_id"])}
        self.truth.interventions["shown"] += 1
        self.truth.actions_shown[str(note["action"])] += 1
        if shown.reaction is not None:
            self._at(at_ms + int(shown.reacts_s * SECOND_MS), self._react, (guest, shown, note))

    def _react(self, at_ms: int, what: tuple[_Guest, Shown, Record]) -> None:
        guest, shown, note = what
        visit = guest.visit
        if visit.ended or shown.reaction is None:
            return
        visit.react(shown, at_ms)
        note["reaction"] = shown.reaction
        self.truth.interventions[shown.reaction] += 1
        due_ms = visit.now_ms + int(visit.wire.between(*GOES_ON_S) * SECOND_MS)
        if due_ms < visit.due_ms:
            self._go_on(guest, due_ms)

    # Containers

    def _turn(self, at_ms: int, gallery: Gallery) -> None:
        if not self._galleries_open:
            return
        self._made(gallery.turn(at_ms))
        self._note_retired(gallery)
        self._at(gallery.due_ms, self._turn, gallery)

    def _made(self, made: list[Made]) -> None:
        for at_ms, topic, record in made:
            sent_ms = at_ms + SERVER_LAG_MS
            self._fly(topic, {**record, "sent_at": sent_ms, "received_at": sent_ms + SERVER_DELAY_MS}, None)

    def _note_retired(self, gallery: Gallery) -> None:
        for container in gallery.retired:
            self.truth.container_ended(container)
        gallery.retired.clear()

    def _all_galleries(self) -> list[Gallery]:
        return [gallery for galleries in self._galleries.values() for gallery in galleries.values()]


class _Guest:
    """A visit in progress, and its newest appointment, which makes those before it void."""

    __slots__ = ("appointment", "steps", "visit")

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.steps: Steps = journey(visit)
        self.appointment = 0
