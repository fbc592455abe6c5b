"""One visit as it goes: the page, the cart, the events told, what was shown, and the one decision to buy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from models.actions import NO_OP
from models.shop.config import SECOND_MS, ShopConfig
from models.shop.containers import Container, Gallery
from models.shop.dice import Dice
from models.shop.effects import CLICKED, DISMISSED, click_share, dismiss_share, true_effect
from models.shop.visitor import EVERYTHING, NOTHING, Visitor

Record = dict[str, Any]

LONGEST_DWELL_S = 30.0
"""Active seconds that a page reports at most: one who is silent for longer was away."""
LAG_MS = 150
"""A record waits at the client for up to this long."""
DEEP = 0.7
"""Exponent on a uniform draw that gives a scroll depth: most scroll further than half of a page (ours)."""
GRANTS_AT, WITHDRAWS_AT = 2, 3
"""The page at which consent is given, or taken back."""
REACTS_S = (1.5, 12.0)
"""After how long a visitor clicks or dismisses what is shown (ours)."""
STRONGEST = 2.5
"""Log-odds that all actions shown together may move at most (ours)."""


class Shown(NamedTuple):
    """An intervention on the visitor's page, and what they will do about it after `reacts_s`."""

    intervention: Mapping[str, Any]
    reaction: str | None
    reacts_s: float


def probability(log_odds: float) -> float:
    """Of a thing with these log-odds."""
    return 1.0 / (1.0 + math.exp(-log_odds))


class Visit:
    """The state of one visit. `now_ms` is true time, which its methods move on only by what they are told.

    `dice` drive what the visitor does; `wire` the network and the reactions, so that an intervention does not change
    anything that the visitor would have done anyway.
    """

    def __init__(
        self,
        number: int,
        visitor: Visitor,
        start_ms: int,
        galleries: Mapping[str, Gallery],
        config: ShopConfig,
        dice: Dice,
        wire: Dice,
        send: Callable[[Visit, Record], None],
    ) -> None:
        self.number, self.visitor, self.start_ms, self.now_ms = number, visitor, start_ms, start_ms
        self.dice, self.wire = dice, wire
        self.session_id: str = visitor.facts["session_id"]
        self.due_ms = start_ms
        """When it goes on."""
        self.ended = False
        self.flying = 0
        """Records sent that have not arrived."""
        self.page_type, self.page_id = "landing", "/"
        self.pages = 0
        self.containers: dict[str, Container] = {}
        self.cart: list[float] = []
        self.consent = visitor.consent
        self.bounced = False
        self.decided: float | None = None
        """The true probability of buying, once it came to that; `unmoved` is the same without any action shown."""
        self.unmoved: float | None = None
        self.converted = False
        self.orders: list[str] = []
        self.moved: dict[str, float] = {}
        """Log-odds by action shown."""
        self.clicked: str | None = None
        """The newest intervention clicked."""
        self.heard: list[dict[str, Any]] = []
        self.events = 0
        self.dwell_s = 0.0
        self.scroll = 0.0
        self._galleries, self._network, self._send = galleries, config.network, send
        self._tabs = [visitor.event_prefix[:8]]
        self._numbers = [0]
        self._dwelt_ms = start_ms

    # What is told

    def tell(self, kind: str, after_ms: int = 0, **fields: Any) -> None:
        """Send an event that happens `after_ms` from now, which it then is."""
        self.now_ms += after_ms
        tab = len(self._tabs) - 1
        number = self._numbers[tab]
        self._numbers[tab] = number + 1
        network, wire, visitor = self._network, self.wire, self.visitor
        lag = int(LAG_MS * wire.random())
        delay = visitor.delay_ms + int(network.jitter_ms * wire.random())
        if wire.random() < network.spike_share:
            lag += int(network.spike_ms * wire.random())
            delay += int(network.spike_ms * wire.random())
        occurred = self.now_ms + visitor.skew_ms
        record = {
            **visitor.facts,
            "consent": self.consent,
            "event_id": f"{visitor.event_prefix}{self.events:012x}",
            "tab_id": self._tabs[tab],
            "seq": number,
            "type": kind,
            "page_type": self.page_type,
            "page_id": self.page_id,
            "occurred_at": occurred,
            "sent_at": occurred + lag,
            "received_at": self.now_ms + lag + delay,
            **fields,
        }
        self.events += 1
        self._send(self, record)
        if wire.random() < network.duplicates:
            later = 1 + int(network.again_ms * wire.random())
            again = {"sent_at": record["sent_at"] + later, "received_at": record["received_at"] + later}
            self._send(self, record | again)

    def enter(self, page_type: str, page_id: str, after_ms: int = 0) -> None:
        """View a page, with the containers it shows."""
        self.page_type, self.page_id = page_type, page_id
        self.pages += 1
        shown: list[str] = []
        gallery = self._galleries.get(page_type)
        if gallery is not None:
            for container in gallery.shown(self.dice):
                shown.append(container.container_id)
                if container.container_id not in self.containers:
                    self.containers[container.container_id] = container
                    container.exposed += 1
        self.tell("page_view", after_ms, containers=shown)
        self._dwelt_ms = self.now_ms
        if self.visitor.grants and self.pages == GRANTS_AT:
            self._agree(EVERYTHING)
        elif self.visitor.withdraws and self.pages == WITHDRAWS_AT:
            self._agree(NOTHING)

    def dwelt(self) -> float:
        """Active seconds on the page since this was last asked, or the page entered."""
        seconds = round(min((self.now_ms - self._dwelt_ms) / SECOND_MS, LONGEST_DWELL_S), 1)
        self._dwelt_ms = self.now_ms
        self.dwell_s += seconds
        return seconds

    def scrolled(self) -> float:
        """The deepest point of the page seen, 0-1."""
        depth: float = round(self.dice.random() ** DEEP, 2)
        self.scroll = max(self.scroll, depth)
        return depth

    def open_tab(self) -> None:
        """Go on in another tab, with numbers of its own."""
        self._tabs.append(self.visitor.event_prefix[9:18])
        self._numbers.append(0)

    def log_in(self) -> None:
        """From here on the visitor is logged in."""
        self.visitor.facts["logged_in"] = True

    @property
    def cart_value(self) -> float:
        """In the site's currency."""
        return round(sum(self.cart), 2)

    @property
    def shipping(self) -> float:
        """What shipping the cart costs, in the site's currency."""
        site = self.visitor.site
        return 0.0 if self.cart_value >= site.free_shipping_from else site.shipping

    def _agree(self, consent: dict[str, bool]) -> None:
        self.consent = consent
        self.tell("consent_changed", 400)

    # What is decided

    def bounces(self) -> bool:
        """Whether the visitor leaves after the first page; the containers on it have their effect."""
        log_odds = self.visitor.bounce + sum(container.bounce_effect for container in self.containers.values())
        self.bounced = self.dice.chance(probability(log_odds))
        return self.bounced

    def decides(self) -> bool:
        """Whether the visitor buys: once a visit, by all that they saw until now."""
        seen = sum(container.conversion_effect for container in self.containers.values())
        shift = min(max(sum(self.moved.values()), -STRONGEST), STRONGEST)
        self.unmoved = probability(self.visitor.conversion + seen)
        self.decided = probability(self.visitor.conversion + seen + shift)
        self.converted = self.visitor.buys_below < self.decided
        return self.converted

    # What is shown

    def show(self, intervention: Mapping[str, Any], at_ms: int) -> Shown:
        """The page shows an intervention; returns what the visitor will do about it."""
        self.now_ms = max(self.now_ms, at_ms)
        action, tier = intervention.get("action", ""), intervention.get("tier", "MONITOR")
        shift = true_effect(action, intervention.get("friction_id"))
        if self.decided is None and action != NO_OP:
            self.moved[action] = shift
        self.tell("intervention_shown", intervention_id=intervention["intervention_id"])
        clicks = float(click_share(CLICKED.get(tier, 0.0), shift))
        dismisses = float(dismiss_share(DISMISSED.get(tier, 0.0), shift, self.visitor.patience))
        at = self.wire.random()
        reaction = "clicked" if at < clicks else "dismissed" if at < clicks + dismisses else None
        return Shown(intervention, reaction, self.wire.between(*REACTS_S))

    def react(self, shown: Shown, at_ms: int) -> None:
        """Click or dismiss what is shown."""
        self.now_ms = max(self.now_ms, at_ms)
        identity = shown.intervention["intervention_id"]
        if shown.reaction == "clicked":
            self.clicked = identity
        self.tell(f"intervention_{shown.reaction}", intervention_id=identity)
