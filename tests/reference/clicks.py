"""Rage, dead and error clicks (docs/fold.md, section 5)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from tests.reference.symbols import Event

RAGE_MS = 1_000
DEAD_MS = 1_000
ERROR_MS = 1_000


@dataclass(slots=True)
class Clicks:
    """Times are offsets in ms."""

    rage: int = 0
    dead: int = 0
    error: int = 0
    row_target: str | None = None
    row: deque[int] = field(default_factory=lambda: deque(maxlen=2))
    """Times of the last two clicks in a row on that target."""
    row_fast: bool = False
    """Whether the last click of the row was fast."""
    dead_at: int | None = None
    """Time of the last folded event, where that is a dead click."""
    unblamed_at: int | None = None
    """Time of the last click, unless an error was laid to it."""

    def fold(self, event: Event, kind: str, offset: int, moved: bool) -> None:
        """Take in any folded event; `moved`: it is a page_view of another page."""
        if moved and self.dead_at is not None and offset - self.dead_at <= DEAD_MS:
            self.dead -= 1
        self.dead_at = None
        if kind == "click":
            self._click(event, offset)
        elif kind == "js_error" and self.unblamed_at is not None and 0 <= offset - self.unblamed_at <= ERROR_MS:
            self.error += 1
            self.unblamed_at = None

    def _click(self, event: Event, offset: int) -> None:
        self.unblamed_at = offset
        if event.get("interactive") is False:
            self.dead += 1
            self.dead_at = offset
        target: str | None = event.get("target")
        if target is not None:
            self._click_on(target, offset)

    def _click_on(self, target: str, offset: int) -> None:
        if target != self.row_target:
            self.row_target = target
            self.row.clear()
            self.row_fast = False
        fast = len(self.row) == 2 and 0 <= offset - self.row[0] <= RAGE_MS
        if fast and not self.row_fast:
            self.rage += 1
        self.row_fast = fast
        self.row.append(offset)
