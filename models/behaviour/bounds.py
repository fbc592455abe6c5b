"""The numbers inside the definitions of `docs/fold.md`: part of what a feature is, and so of its definition hash."""

from __future__ import annotations

from typing import NamedTuple


class Bounds(NamedTuple):
    """Named bounds of the definitions.

    Sources: rage click 3 within 1 s, quick back 5 s, window 10 s and 6 of them, timers, bounce 5 s
    (given, DOMAIN 2, 5 and 7); the others (ours).
    """

    window_ms: int = 10_000
    windows: int = 6
    rage_row: int = 3
    """Clicks in a row on one target that make a fast click."""
    rage_span_ms: int = 1_000
    dead_click_ms: int = 1_000
    """Within which a change of page takes a dead click back."""
    error_click_ms: int = 1_000
    quick_back_ms: int = 5_000
    scroll_burst: int = 10
    """Scrolls in one window."""
    bounce_ms: int = 5_000
    bounce_pages: int = 1
    tabs: int = 4
    seq_window: int = 64
    """Numbers of a tab remembered at and below the highest, one bit each."""
    remembered_events: int = 8
    novel_memory: int = 8
    idle_60_ms: int = 60_000
    checkout_idle_300_ms: int = 300_000
    cart_idle_600_ms: int = 600_000
    cart_idle_1800_ms: int = 1_800_000
    payment_field_30_ms: int = 30_000
    hover_10_ms: int = 10_000
    shipping_share_max: float = 1e6
    """Of any cart's value: one next to nothing would make the share more than a float32 holds."""


BOUNDS = Bounds()
COUNT_MAX = 65_535
"""Where counts of types saturate."""
SMALL_COUNT_MAX = 255
"""Where counts in windows and of timers saturate."""
