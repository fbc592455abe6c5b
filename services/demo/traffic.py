"""A small, seeded source of visits: pure, on its own clock, in order of time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from services.replaying import Timed

SITE = "demo-shop"
PRICES = (9.0, 19.0, 35.0, 59.0, 89.0, 120.0, 260.0, 480.0)
SOURCES = ("direct", "organic", "paid", "social", "email", "referral")
DEVICES = ("mobile", "desktop", "tablet")
WITHOUT_ANALYTICS, WITHOUT_PERSONALIZATION = 0.03, 0.05

Step = tuple[float, dict[str, Any]]
"""Seconds since the step before, and the event's fields."""


@dataclass
class Visitor:
    """One visit in the making: what stays the same over its events, and its own random source."""

    number: int
    seed: int

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed * 1_000_003 + self.number)
        draw = self.random
        self.facts: dict[str, Any] = {
            "site_id": SITE,
            "session_id": f"visit-{self.number:06d}",
            "visitor_id": f"visitor-{self.number // 2:06d}",
            "tab_id": "tab-1",
            "device": draw.choice(DEVICES),
            "source": draw.choice(SOURCES),
            "returning": draw.random() < 0.4,
            "containers": [],
            "attributes": {},
            "consent": {
                "analytics": draw.random() >= WITHOUT_ANALYTICS,
                "personalization": draw.random() >= WITHOUT_PERSONALIZATION,
            },
        }

    def steps(self) -> Iterator[Step]:
        """The visit's events: one of the journeys, drawn with the visitor's own randomness."""
        journeys: list[Callable[[], Iterator[Step]]] = [
            self._bounces,
            self._browses,
            self._searches,
            self._leaves_a_cart,
            self._stops_at_checkout,
            self._fails_to_pay,
            self._buys,
        ]
        return self.random.choices(journeys, weights=(25, 25, 12, 14, 8, 6, 10))[0]()

    def _bounces(self) -> Iterator[Step]:
        yield 0, view("landing", "/")

    def _browses(self) -> Iterator[Step]:
        yield 0, view("landing", "/")
        yield self._pause(8), view("category", f"/c/{self.random.randrange(12)}")
        for _ in range(self.random.randint(1, 6)):
            yield from self._looks_at_a_product()

    def _searches(self) -> Iterator[Step]:
        yield 0, view("landing", "/")
        for _ in range(self.random.randint(2, 5)):
            yield self._pause(15), on("search_results", "search", query="shoes")
        yield self._pause(6), on("search_results", "click", target="filter", interactive=False)
        if self.random.random() < 0.5:
            yield from self._looks_at_a_product()

    def _leaves_a_cart(self) -> Iterator[Step]:
        yield from self._fills_a_cart()
        if self.random.random() < 0.4:
            yield self.random.uniform(700, 1500), view("cart", "/cart")

    def _stops_at_checkout(self) -> Iterator[Step]:
        yield from self._fills_a_cart()
        yield self._pause(10), on("checkout", "begin_checkout")
        yield self._pause(8), on("checkout", "input", field="card_number", filled=False)

    def _fails_to_pay(self) -> Iterator[Step]:
        yield from self._fills_a_cart()
        yield self._pause(10), on("checkout", "begin_checkout")
        for _ in range(self.random.randint(1, 3)):
            yield self._pause(20), on("checkout", "payment_error", error_code="declined")

    def _buys(self) -> Iterator[Step]:
        yield from self._fills_a_cart()
        yield self._pause(10), on("checkout", "begin_checkout")
        yield self._pause(30), on("checkout", "add_payment_info")
        yield self._pause(15), on("checkout", "purchase", order_id=f"order-{self.number}", cart_value=100.0)

    def _fills_a_cart(self) -> Iterator[Step]:
        yield from self._browses()
        for _ in range(self.random.randint(1, 3)):
            yield self._pause(12), on("product", "add_to_cart", quantity=1, price=self.random.choice(PRICES))
        yield self._pause(6), view("cart", "/cart")

    def _looks_at_a_product(self) -> Iterator[Step]:
        product = self.random.randrange(200)
        page = f"/p/{product}"
        yield self._pause(10), view("product", page)
        yield 0.2, on("product", "view_item", product_id=f"p{product}", price=self.random.choice(PRICES))
        yield self._pause(5), on("product", "scroll", scroll_depth=round(self.random.random(), 2))
        if self.random.random() < 0.1:
            yield from ((0.2, on("product", "click", target="image", interactive=False)) for _ in range(4))
        yield self._pause(12), on("product", "page_ping", dwell_s=10.0)

    def _pause(self, mean_s: float) -> float:
        return self.random.expovariate(1 / mean_s)


def view(page_type: str, page: str) -> dict[str, Any]:
    """A page view."""
    return {"type": "page_view", "page_type": page_type, "page_id": page}


def on(page_type: str, kind: str, **fields: Any) -> dict[str, Any]:
    """An event on a page of a type."""
    return {"type": kind, "page_type": page_type, "page_id": f"/{page_type}", **fields}


def traffic(seed: int, start_ms: int, end_ms: int, visits_per_minute: float) -> Iterator[Timed]:
    """Events of visits that begin between `start_ms` and `end_ms` at the given rate, in order of time.

    The same arguments give the same events. Visits that would go on behind `end_ms` are cut there.
    """
    arrivals = random.Random(seed)
    waiting: list[tuple[float, int, int, Visitor, Iterator[Step], dict[str, Any]]] = []
    next_arrival, number = float(start_ms), 0
    while next_arrival < end_ms or waiting:
        if not waiting or (next_arrival < end_ms and next_arrival <= waiting[0][0]):
            visitor = Visitor(number, seed)
            steps = visitor.steps()
            _, first = next(steps)
            heapq.heappush(waiting, (next_arrival, number, 0, visitor, steps, first))
            next_arrival += arrivals.expovariate(visits_per_minute / 60_000)
            number += 1
            continue
        at, who, seq, visitor, steps, fields = heapq.heappop(waiting)
        if at >= end_ms:
            continue
        yield Timed(int(at), _event(visitor, seq, int(at), fields))
        following = next(steps, None)
        if following is not None:
            pause_s, fields = following
            heapq.heappush(waiting, (at + pause_s * 1000, who, seq + 1, visitor, steps, fields))


def _event(visitor: Visitor, seq: int, at_ms: int, fields: dict[str, Any]) -> dict[str, Any]:
    clocks = {"occurred_at": at_ms, "sent_at": at_ms, "received_at": at_ms}
    return {**visitor.facts, **clocks, "event_id": f"{visitor.facts['session_id']}-{seq}", "seq": seq, **fields}
