"""What happened since a moment of a visit, as far as rewards ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.float32 import float32
from tests.reference.symbols import Event


@dataclass(slots=True)
class Followed:
    """Orders begun, other pages entered, seconds of dwell (added up in float32), highest scroll depth (float32)."""

    orders: int = 0
    pages: int = 0
    dwell_s: float = 0.0
    scroll: float = 0.0

    def fold(self, event: Event, moved: bool, orders: int) -> None:
        """Take in an event; `moved`: a page_view of another page; `orders`: how many it began."""
        self.orders += orders
        self.pages += moved
        dwell: float | None = event.get("dwell_s")
        if dwell is not None:
            self.dwell_s = float32(self.dwell_s + dwell)
        scroll: float | None = event.get("scroll_depth")
        if scroll is not None:
            self.scroll = max(self.scroll, float32(scroll))
