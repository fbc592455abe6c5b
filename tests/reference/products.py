"""Products looked at, and their prices (docs/fold.md, section 5)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.reference.float32 import float32
from tests.reference.symbols import Event

NOVEL_KEPT = 8


@dataclass(slots=True)
class Products:
    """What view_item events told."""

    current: str | None = None
    previous: str | None = None
    toggles: int = 0
    novel: int = 0
    novel_ids: deque[str] = field(default_factory=lambda: deque(maxlen=NOVEL_KEPT))
    out_of_stock_views: int = 0
    out_of_stock_in_view: bool = False
    """The product viewed last, since the current page was entered, cannot be bought."""
    prices: int = 0
    price_sum: float = 0.0
    """In float64."""
    price_last: float = 0.0
    price_max: float = 0.0

    @property
    def price_mean(self) -> float:
        """Of the prices seen, in float64; 0 where none was."""
        return self.price_sum / self.prices if self.prices else 0.0

    def view(self, event: Event) -> None:
        """Take in a view_item."""
        self.out_of_stock_in_view = event.get("in_stock") is False
        self.out_of_stock_views += self.out_of_stock_in_view
        price: float | None = event.get("price")
        if price is not None:
            self.prices += 1
            self.price_sum += price
            self.price_last = float32(price)
            self.price_max = max(self.price_max, self.price_last)
        product: str | None = event.get("product_id")
        if product is not None:
            self._view_product(product)

    def _view_product(self, product: str) -> None:
        if product not in self.novel_ids:
            self.novel += 1
            self.novel_ids.append(product)
        if product != self.current:
            self.toggles += product == self.previous
            self.previous = self.current
            self.current = product
