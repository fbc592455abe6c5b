"""The cart, and what was bought (docs/fold.md, section 5.1)."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.float32 import float32
from tests.reference.symbols import Event

SHARE_MAX = 1e6


def quantity_of(event: Event) -> int:
    """Units the event is about: 1 where it does not say."""
    quantity: int | None = event.get("quantity")
    return 1 if quantity is None else quantity


def amount_of(event: Event) -> float:
    """Quantity x price of the event, nothing where it gives no price."""
    price: float | None = event.get("price")
    return 0.0 if price is None else quantity_of(event) * price


@dataclass(slots=True)
class Cart:
    """Amounts are float32, computed in float64 before each store."""

    items: int = 0
    value: float = 0.0
    value_max: float = 0.0
    shipping_cost: float = 0.0
    revenue: float = 0.0
    orders: int = 0
    order_id: str | None = None
    """Of the last purchase."""
    bought_at: int | None = None
    """Event time of the last purchase, in ms."""
    exits: int = 0
    """exit_intent events while something was in the cart."""

    @property
    def shipping_share(self) -> float:
        """Shipping cost by cart value, at most a million, 0 where the cart has no value."""
        return min(self.shipping_cost / self.value, SHARE_MAX) if self.value > 0 else 0.0

    def fold(self, event: Event, kind: str, t: int) -> None:
        """Take in any folded event."""
        items: int | None = event.get("cart_items")
        value: float | None = event.get("cart_value")
        shipping: float | None = event.get("shipping_cost")
        if items is not None:
            self.items = items
        if value is not None:
            self._set_value(float32(value))
        if shipping is not None:
            self.shipping_cost = float32(shipping)
        if kind == "add_to_cart":
            if items is None:
                self.items += quantity_of(event)
            if value is None:
                self._set_value(float32(self.value + amount_of(event)))
        elif kind == "remove_from_cart":
            if items is None:
                self.items = max(0, self.items - quantity_of(event))
            if value is None:
                self._set_value(max(0.0, float32(self.value - amount_of(event))))
        elif kind == "purchase":
            self._purchase(event, t)
        elif kind == "exit_intent":
            self.exits += self.items > 0

    def _set_value(self, value: float) -> None:
        self.value = value
        self.value_max = max(self.value_max, value)

    def _purchase(self, event: Event, t: int) -> None:
        order_id: str | None = event.get("order_id")
        if self._begins_order(order_id, t):
            self.orders += 1
        self.order_id = order_id
        self.bought_at = t
        value: float | None = event.get("cart_value")
        self.revenue = float32(self.revenue + (amount_of(event) if value is None else value))
        self.items = 0
        self.value = 0.0

    def _begins_order(self, order_id: str | None, t: int) -> bool:
        if self.bought_at is None:
            return True
        if order_id is None or self.order_id is None:
            return t != self.bought_at
        return order_id != self.order_id
