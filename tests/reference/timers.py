"""Timers of silence (docs/fold.md, section 3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.reference.symbols import Event

PAYMENT_MS = 30_000
HOVER_MS = 10_000
MOST = 255
NAMES = ("idle_60", "checkout_idle_300", "cart_idle_600", "cart_idle_1800", "payment_field_30", "hover_10")
NO_ACTIVITY = frozenset(
    ("page_ping", "visibility_hidden", "js_error", "slow_response", "intervention_shown", "consent_changed")
)


@dataclass(frozen=True)
class FiredTimer:
    """One timer that fired; times in ms."""

    session_id: str
    visit_started_at: int
    name: str
    deadline: int
    post_session: bool


@dataclass(slots=True)
class Timers:
    """What a visit's timers wait for; times in ms since the epoch."""

    active: int
    """Event time of the last activity."""
    silent: set[str] = field(default_factory=set)
    """Idle timers fired since the last activity."""
    payment_field: str | None = None
    """The payment field left empty last, while its timer is armed."""
    payment_at: int = 0
    hover_target: str | None = None
    """What is hovered over, while the timer is armed."""
    hover_at: int = 0
    fired: dict[str, int] = field(default_factory=dict)
    post_session: int = 0

    def fold(self, event: Event, kind: str, t: int, at: int, moved: bool) -> None:
        """Take in any folded event; `at` is `t`, not before the visit's start; `moved`: a page_view of another page."""
        if kind not in NO_ACTIVITY:
            self.active = max(self.active, t)
            self.silent.clear()
        if kind == "input":
            self._input(event, at)
        elif kind in ("form_submit", "purchase") or moved:
            self.payment_field = None
        if kind == "hover":
            self._hover(event, at)
        elif kind in ("click", "add_to_cart") or moved:
            self.hover_target = None

    def _input(self, event: Event, at: int) -> None:
        name: str | None = event.get("field")
        if name is None:
            return
        filled: bool | None = event.get("filled")
        if filled is False and name.startswith(("card", "payment")):
            self.payment_field = name
            self.payment_at = at
        elif filled is True and name == self.payment_field:
            self.payment_field = None

    def _hover(self, event: Event, at: int) -> None:
        target: str | None = event.get("target")
        if target is not None and target != self.hover_target:
            self.hover_target = target
            self.hover_at = at

    def armed(self, page_type: str, cart_items: int) -> list[tuple[int, str]]:
        """Deadline and name of every timer that may yet fire, in the order of the table."""
        armed: list[tuple[int, str]] = []
        if "idle_60" not in self.silent:
            armed.append((self.active + 60_000, "idle_60"))
        if page_type == "checkout" and "checkout_idle_300" not in self.silent:
            armed.append((self.active + 300_000, "checkout_idle_300"))
        if cart_items > 0:
            if "cart_idle_600" not in self.silent:
                armed.append((self.active + 600_000, "cart_idle_600"))
            if "cart_idle_1800" not in self.silent:
                armed.append((self.active + 1_800_000, "cart_idle_1800"))
        if self.payment_field is not None:
            armed.append((self.payment_at + PAYMENT_MS, "payment_field_30"))
        if self.hover_target is not None:
            armed.append((self.hover_at + HOVER_MS, "hover_10"))
        return armed

    def fire(self, name: str, post_session: bool) -> None:
        """Count a firing; an idle timer is then silent, another disarmed."""
        self.fired[name] = min(self.fired.get(name, 0) + 1, MOST)
        self.post_session += post_session
        if name == "payment_field_30":
            self.payment_field = None
        elif name == "hover_10":
            self.hover_target = None
        else:
            self.silent.add(name)
