"""Visits of a shop as sequences of events, to be played by many sessions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

EVENTS_A_JOURNEY = 200
PRODUCTS = 5_000
CATEGORIES = 60
SITES = tuple(f"site-{n:02}" for n in range(20))
CONTAINERS = 36
"""Of each site."""

# Relative frequencies of what happens on a page, by kind of page.
ON_PAGE: dict[str, dict[str, float]] = {
    "landing": {"page_ping": 4, "scroll": 5, "click": 4, "hover": 2, "exit_intent": 0.3, "js_error": 0.1},
    "category": {"page_ping": 3, "scroll": 6, "click": 3, "hover": 3, "select_item": 2, "js_error": 0.1},
    "search_results": {"page_ping": 2, "scroll": 4, "click": 2, "select_item": 2, "search": 1},
    "product": {"view_item": 5, "page_ping": 4, "scroll": 4, "click": 4, "hover": 3, "add_to_cart": 1},
    "cart": {"view_cart": 3, "page_ping": 3, "click": 3, "remove_from_cart": 0.4, "exit_intent": 0.4},
    "checkout": {"begin_checkout": 1, "input": 6, "form_error": 0.6, "add_shipping_info": 0.7, "payment_error": 0.3},
    "account": {"page_ping": 3, "click": 3, "input": 1, "form_submit": 0.5},
    "other": {"page_ping": 4, "scroll": 3, "click": 2, "visibility_hidden": 0.5},
}
NEXT_PAGE: dict[str, dict[str, float]] = {
    "landing": {"category": 5, "search_results": 2, "product": 2, "other": 1},
    "category": {"product": 6, "category": 2, "search_results": 1},
    "search_results": {"product": 5, "search_results": 2, "category": 1},
    "product": {"product": 4, "category": 3, "cart": 1.5, "search_results": 1},
    "cart": {"checkout": 3, "product": 3, "category": 1},
    "checkout": {"checkout": 1, "cart": 1, "landing": 1},
    "account": {"landing": 2, "category": 2},
    "other": {"landing": 1, "category": 2, "account": 1},
}


def _choose(rng: random.Random, weights: dict[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


@dataclass
class Visitor:
    """Who browses: what stays the same through a journey, and the cart and page of the moment."""

    rng: random.Random
    page_type: str = "landing"
    page_id: str = "/"
    product: str = "p0"
    items: int = 0
    value: float = 0.0
    constant: Event = field(init=False)

    def __post_init__(self) -> None:
        rng = self.rng
        self.constant = {
            "site_id": rng.choice(SITES),
            "visitor_id": f"{rng.getrandbits(64):016x}" if rng.random() < 0.7 else None,
            "tab_id": f"{rng.getrandbits(32):08x}",
            "device": _choose(rng, {"mobile": 55, "tablet": 5, "desktop": 40}),
            "source": _choose(rng, {"direct": 3, "organic": 4, "paid": 2, "social": 1, "email": 1, "referral": 0.5}),
            "consent": {"analytics": rng.random() < 0.97, "personalization": rng.random() < 0.9},
            "logged_in": rng.random() < 0.2,
            "returning": rng.random() < 0.4,
            "prior_conversion": rng.random() < 0.1,
        }

    def events(self) -> Iterator[Event]:
        """Event after event, without end: a page, what happens on it, the next page."""
        while True:
            yield self._event("page_view")
            for _ in range(1 + int(self.rng.expovariate(0.25))):
                yield self._on_page(_choose(self.rng, ON_PAGE[self.page_type]))
            if self.page_type == "checkout" and self.items and self.rng.random() < 0.3:
                yield self._purchase()
            self._move()

    def _event(self, kind: str, **more: Any) -> Event:
        shown = self._containers() if kind == "page_view" else []
        page = {"type": kind, "page_type": self.page_type, "page_id": self.page_id, "containers": shown}
        return {**self.constant, **page, **more}

    def _containers(self) -> list[str]:
        """One or two of the site's."""
        numbers = self.rng.sample(range(CONTAINERS), self.rng.choice((1, 2)))
        return [f"{self.constant['site_id']}-c{number:02}" for number in numbers]

    def _on_page(self, kind: str) -> Event:
        rng = self.rng
        target = f"#{self.page_type}-{rng.randrange(12)}"
        if kind == "click":
            return self._event(kind, target=target, interactive=rng.random() < 0.9)
        if kind == "hover":
            return self._event(kind, target=target)
        if kind == "scroll":
            return self._event(kind, scroll_depth=round(rng.random(), 2))
        if kind == "page_ping":
            return self._event(kind, dwell_s=float(rng.randrange(1, 10)))
        if kind == "input":
            return self._event(kind, field=rng.choice(("email", "name", "card_number")), filled=rng.random() < 0.8)
        if kind == "search":
            return self._event(kind, query=f"query {rng.randrange(500)}")
        if kind in ("form_error", "payment_error", "js_error"):
            return self._event(kind, error_code=f"E{rng.randrange(40)}")
        if kind in ("view_item", "add_to_cart", "remove_from_cart"):
            return self._trade(kind)
        return self._event(kind)

    def _trade(self, kind: str) -> Event:
        price = 5.0 + int(self.product[1:]) % 200
        change = {"view_item": 0, "add_to_cart": 1, "remove_from_cart": -1 if self.items else 0}[kind]
        self.items += change
        self.value = max(0.0, self.value + change * price) if self.items else 0.0
        cart = {"cart_items": self.items, "cart_value": self.value} if change else {}
        return self._event(kind, product_id=self.product, price=price, in_stock=self.rng.random() < 0.95, **cart)

    def _purchase(self) -> Event:
        event = self._event("purchase", order_id=f"o{self.rng.getrandbits(40):010x}", cart_value=self.value)
        self.items, self.value = 0, 0.0
        return event

    def _move(self) -> None:
        self.page_type = _choose(self.rng, NEXT_PAGE[self.page_type])
        self.product = f"p{self.rng.randrange(PRODUCTS)}"
        leaf = self.product if self.page_type == "product" else str(self.rng.randrange(CATEGORIES))
        self.page_id = f"/{self.page_type}/{leaf}"


def journey(seed: int, length: int = EVENTS_A_JOURNEY) -> list[Event]:
    """The first events of one visit; without ids, sequence numbers and times, which the session that plays it adds."""
    events = Visitor(random.Random(seed)).events()
    return [next(events) for _ in range(length)]
