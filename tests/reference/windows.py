"""Tumbling windows of 10 s, scroll bursts and the bot flag (docs/fold.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

WINDOW_MS = 10_000
KEPT = 6
MOST = 255
BURST = 10
TYPES = ("page_view", "click", "scroll", "input", "form_error", "view_item", "add_to_cart", "js_error")


@dataclass(slots=True)
class Windows:
    """Events of the newest six windows by type, the newest window first."""

    newest: int
    counts: list[dict[str, int]] = field(default_factory=lambda: [{} for _ in range(KEPT)])
    in_newest: int = 0
    """Folded events of any type in the newest window."""
    scroll_bursts: int = 0
    bot: bool = False

    def fold(self, kind: str, t: int, bot_threshold: int) -> None:
        """Count an event of type `kind` at event time `t`, in ms."""
        window = t // WINDOW_MS
        if window > self.newest:
            opened = min(window - self.newest, KEPT)
            self.counts = [{} for _ in range(opened)] + self.counts[: KEPT - opened]
            self.newest = window
            self.in_newest = 0
        age = self.newest - window
        if age == 0:
            self.in_newest += 1
            if self.in_newest > bot_threshold:
                self.bot = True
        if age < KEPT and kind in TYPES:
            count = self.counts[age].get(kind, 0) + 1
            self.counts[age][kind] = min(count, MOST)
            if kind == "scroll" and count == BURST:
                self.scroll_bursts += 1
