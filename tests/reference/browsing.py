"""Pages, searches and forms in sequence (docs/fold.md, section 5)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.reference.symbols import Event

QUICK_BACK_MS = 5_000
HELP_WORDS = (
    *("help", "support", "contact", "customer service", "phone", "chat", "complaint", "problem", "broken"),
    *("refund", "return", "cancel", "where is my order", "track", "warranty", "how do i", "how to"),
)
"""As the product lists them; a letter or a digit next to one makes it another word."""
_HELP = re.compile("|".join(rf"\b{word}\b" for word in HELP_WORDS), re.ASCII | re.IGNORECASE)


def seeks_help(query: str | None) -> bool:
    """Whether a search is one for help."""
    return query is not None and _HELP.search(query) is not None


@dataclass(slots=True)
class Pages:
    """The current page, set by page_view alone, and the one before it."""

    current: str | None = None
    previous: str | None = None
    entered: int = 0
    """Offset in ms at which the current page was entered; a reload does not enter it again."""
    pages: int = 0
    quick_backs: int = 0
    reloads: int = 0

    def view(self, page_id: str, offset: int) -> None:
        """Take in a page_view."""
        if page_id == self.current:
            self.reloads += 1
            return
        if page_id == self.previous and offset - self.entered <= QUICK_BACK_MS:
            self.quick_backs += 1
        self.previous = self.current
        self.current = page_id
        self.entered = offset
        self.pages += 1


@dataclass(slots=True)
class Searches:
    """Searches repeated before anything found was looked at."""

    open: bool = False
    """A search came, and no select_item or view_item since."""
    refinements: int = 0
    for_help: int = 0

    def fold(self, event: Event, kind: str) -> None:
        """Take in any folded event."""
        if kind == "search":
            self.for_help += seeks_help(event.get("query"))
            self.refinements += self.open
            self.open = True
        elif kind in ("select_item", "view_item"):
            self.open = False


@dataclass(slots=True)
class Forms:
    """Inputs opened and left."""

    open: bool = False
    abandons: int = 0
    checkout_inputs: int = 0

    def fold(self, kind: str, page_type: str, moved: bool) -> None:
        """Take in any folded event; `moved`: it is a page_view of another page."""
        if kind == "input":
            self.open = True
            self.checkout_inputs += page_type == "checkout"
        elif kind in ("form_submit", "purchase"):
            self.open = False
        elif moved:
            self.abandons += self.open
            self.open = False
