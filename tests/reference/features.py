"""The features of a visit, in the order of docs/fold.md, section 5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.reference import timers, windows
from tests.reference.float32 import float32
from tests.reference.symbols import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

if TYPE_CHECKING:
    from tests.reference.tally import Tally
    from tests.reference.visit import Visit

BOUNCE_MS = 5_000


def features_of(visit: Visit) -> dict[str, float]:
    """Every feature by name; the values are float32, computed in float64 from integer ms and rounded once."""
    parts = (_tallies(visit), _windows(visit), _times(visit), _sequences(visit), _trade(visit), _context(visit))
    return {name: float32(value) for part in parts for name, value in part}


def _tallies(visit: Visit) -> Iterator[tuple[str, float]]:
    yield from _tally("", EVENT_TYPES, visit.types)
    yield from _tally("page.", PAGE_TYPES, visit.page_views)


def _tally(prefix: str, names: tuple[str, ...], tally: Tally) -> Iterator[tuple[str, float]]:
    for name in names:
        yield f"{prefix}count.{name}", tally.count.get(name, 0)
    for name in names:
        yield f"{prefix}first_s.{name}", _seconds(tally.first.get(name))
    for name in names:
        yield f"{prefix}last_s.{name}", _seconds(tally.last.get(name))


def _seconds(offset_ms: int | None) -> float:
    return -1.0 if offset_ms is None else offset_ms / 1_000


def _windows(visit: Visit) -> Iterator[tuple[str, float]]:
    for k, counts in enumerate(visit.windows.counts):
        for kind in windows.TYPES:
            yield f"window.{k}.{kind}", counts.get(kind, 0)


def _times(visit: Visit) -> Iterator[tuple[str, float]]:
    for name in timers.NAMES:
        yield f"timer.{name}", visit.timers.fired.get(name, 0)
    yield "events", visit.events
    yield "duration_s", (visit.last - visit.start) / 1_000
    yield "silence_s", max(0, visit.last - visit.timers.active) / 1_000


def _sequences(visit: Visit) -> Iterator[tuple[str, float]]:
    yield "rage_clicks", visit.clicks.rage
    yield "dead_clicks", visit.clicks.dead
    yield "error_clicks", visit.clicks.error
    yield "quick_backs", visit.pages.quick_backs
    yield "reloads", visit.pages.reloads
    yield "scroll_bursts", visit.windows.scroll_bursts
    yield "form_abandons", visit.forms.abandons
    yield "open_inputs", visit.forms.open
    yield "search_refinements", visit.searches.refinements
    yield "product_toggles", visit.products.toggles
    yield "novel_products", visit.products.novel
    yield "out_of_stock_views", visit.products.out_of_stock_views


def _trade(visit: Visit) -> Iterator[tuple[str, float]]:
    yield "price_last", visit.products.price_last
    yield "price_max", visit.products.price_max
    yield "price_mean", visit.products.price_mean
    yield "cart_items", visit.cart.items
    yield "cart_value", visit.cart.value
    yield "cart_value_max", visit.cart.value_max
    yield "shipping_cost", visit.cart.shipping_cost
    yield "shipping_share", visit.cart.shipping_share
    yield "scroll_max", visit.scroll_max
    yield "dwell_s", visit.dwell_s
    yield "orders", visit.cart.orders
    yield "revenue", visit.cart.revenue
    yield "exit_with_cart", visit.cart.exits
    yield "checkout_inputs", visit.forms.checkout_inputs
    yield "funnel", visit.funnel


def _context(visit: Visit) -> Iterator[tuple[str, float]]:
    pages = visit.pages.pages
    duration_ms = visit.last - visit.start
    yield "pages", pages
    yield "pages_per_min", pages / max(duration_ms / 1_000 / 60, 1 / 60)
    yield "bounce", pages <= 1 and duration_ms < BOUNCE_MS
    for name in PAGE_TYPES:
        yield f"page_type.{name}", visit.page_type == name
    for name in DEVICES:
        yield f"device.{name}", visit.device == name
    for name in SOURCES:
        yield f"source.{name}", visit.source == name
    yield "logged_in", _given(visit.logged_in)
    yield "returning", _given(visit.returning)
    yield "prior_conversion", _given(visit.prior_conversion)
    yield "explored_today", visit.explored_today
    yield "post_session_timers", visit.timers.post_session
    yield "bot", visit.windows.bot
    yield "capped", visit.capped
    yield "duplicates", visit.duplicates
    yield "undecided", visit.undecided


def _given(fact: bool | None) -> float:
    return -1.0 if fact is None else float(fact)
