"""One visit: everything folded of it (docs/fold.md, sections 2, 3 and 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.reference.browsing import Forms, Pages, Searches
from tests.reference.cart import Cart
from tests.reference.clicks import Clicks
from tests.reference.duplicates import Memory
from tests.reference.exposures import Exposures
from tests.reference.features import features_of
from tests.reference.float32 import float32
from tests.reference.history import History
from tests.reference.outcome import Window
from tests.reference.products import Products
from tests.reference.symbols import Event
from tests.reference.tally import Tally
from tests.reference.timers import NO_ACTIVITY, Timers
from tests.reference.windows import WINDOW_MS, Windows

FUNNEL = {
    "view_item": 1,
    "add_to_cart": 2,
    "view_cart": 3,
    "begin_checkout": 4,
    "add_shipping_info": 5,
    "add_payment_info": 6,
    "purchase": 7,
}


@dataclass(slots=True)
class Visit:
    """A live visit. Times in ms since the epoch."""

    session_id: str
    site_id: str
    who: str
    """The visitor of the first event, or the session where it names none."""
    start: int
    last: int
    """Highest event time folded."""
    device: str
    source: str
    page_type: str
    """Of the last activity; before any, of the first event."""
    timers: Timers
    windows: Windows
    bot_threshold: int
    events: int = 0
    types: Tally = field(default_factory=Tally)
    page_views: Tally = field(default_factory=Tally)
    memory: Memory = field(default_factory=Memory)
    clicks: Clicks = field(default_factory=Clicks)
    pages: Pages = field(default_factory=Pages)
    searches: Searches = field(default_factory=Searches)
    forms: Forms = field(default_factory=Forms)
    products: Products = field(default_factory=Products)
    cart: Cart = field(default_factory=Cart)
    scroll_max: float = 0.0
    dwell_s: float = 0.0
    funnel: int = 0
    logged_in: bool | None = None
    returning: bool | None = None
    prior_conversion: bool | None = None
    explored_today: int = 0
    capped: int = 0
    duplicates: int = 0
    undecided: int = 0
    personalization: bool = False
    """Consent of the last folded event."""
    seen: Exposures = field(default_factory=Exposures)
    history: History = field(default_factory=History)
    window: Window | None = None
    """Of the last decision, while its reward was not told."""
    bucket: int | None = None
    """Where the visitor stands for the holdout, once it was drawn."""
    live: bool = True
    queued: float = float("inf")
    """Earliest watermark at which the partition will look at this visit."""

    @classmethod
    def begin(cls, event: Event, t: int, bot_threshold: int) -> Visit:
        """A visit that begins with this event, which is not folded yet."""
        return cls(
            session_id=event["session_id"],
            site_id=event["site_id"],
            who=event.get("visitor_id") or event["session_id"],
            start=t,
            last=t,
            device=event["device"],
            source=event["source"],
            page_type=event["page_type"],
            timers=Timers(active=t),
            windows=Windows(newest=t // WINDOW_MS),
            bot_threshold=bot_threshold,
        )

    def count(self, kind: str) -> int:
        """Events folded of one type."""
        return self.types.count.get(kind, 0)

    def armed(self) -> list[tuple[int, str]]:
        """Deadline and name of every timer that may yet fire, in the order of the table."""
        return self.timers.armed(self.page_type, self.cart.items)

    def fold(self, event: Event, t: int) -> None:
        """Step 10: take the event in."""
        kind: str = event["type"]
        offset = max(0, t - self.start)
        moved = kind == "page_view" and event["page_id"] != self.pages.current
        orders = self.cart.orders

        self.last = max(self.last, t)
        self.events += 1
        self.personalization = event["consent"]["personalization"]
        if kind not in NO_ACTIVITY:
            self.page_type = event["page_type"]
        self.types.add(kind, offset)
        self.windows.fold(kind, t, self.bot_threshold)
        self.timers.fold(event, kind, t, self.start + offset, moved)
        self.cart.fold(event, kind, t)
        self.clicks.fold(event, kind, offset, moved)
        self.searches.fold(event, kind)
        self.forms.fold(kind, event["page_type"], moved)
        if kind == "page_view":
            self.page_views.add(event["page_type"], offset)
            self.pages.view(event["page_id"], offset)
            self.products.out_of_stock_in_view &= not moved
        elif kind == "view_item":
            self.products.view(event)
        self.funnel = max(self.funnel, FUNNEL.get(kind, 0))
        self._take_measures(event)
        if self.window is not None:
            self.window.fold(event, kind, t, moved, self.cart.orders - orders)
        self.seen.fold(event, kind, offset, moved, self.cart.orders - orders)

    def _take_measures(self, event: Event) -> None:
        scroll: float | None = event.get("scroll_depth")
        if scroll is not None:
            self.scroll_max = max(self.scroll_max, float32(scroll))
        dwell: float | None = event.get("dwell_s")
        if dwell is not None:
            self.dwell_s = float32(self.dwell_s + dwell)
        if event.get("logged_in") is not None:
            self.logged_in = event["logged_in"]
        if event.get("returning") is not None:
            self.returning = event["returning"]
        if event.get("prior_conversion") is not None:
            self.prior_conversion = event["prior_conversion"]
        if event.get("explored_today") is not None:
            self.explored_today = event["explored_today"]

    def features(self) -> dict[str, float]:
        """Every feature by name, in the order of docs/fold.md; the values are float32."""
        return features_of(self)
