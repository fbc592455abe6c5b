"""The features of a visit, in the order of docs/fold.md, section 5."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tests.reference import timers, windows
from tests.reference.float32 import float32
from tests.reference.symbols import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

if TYPE_CHECKING:
    from tests.reference.tally import Tally
    from tests.reference.visit import Visit

BOUNCE_MS = 5_000

Feature = Callable[["Visit", int], float]
"""What a visit shows at a moment, in ms since the epoch; the features of the fold depend on no moment."""


def features_of(visit: Visit) -> dict[str, float]:
    """Every feature by name; the values are float32, computed in float64 from integer ms and rounded once."""
    return {name: float32(feature(visit, visit.last)) for name, feature in FEATURES.items()}


def _all() -> Iterator[tuple[str, Feature]]:
    for name in EVENT_TYPES:
        yield f"count.{name}", _count(name)
    yield from _times("", EVENT_TYPES, lambda visit: visit.types)
    for name in PAGE_TYPES:
        yield f"page.count.{name}", _page_count(name)
    yield from _times("page.", PAGE_TYPES, lambda visit: visit.page_views)
    for k in range(windows.KEPT):
        for kind in windows.TYPES:
            yield f"window.{k}.{kind}", _window(k, kind)
    for name in timers.NAMES:
        yield f"timer.{name}", _timer(name)
    yield from _ALONE.items()
    for name in PAGE_TYPES:
        yield f"page_type.{name}", _is_page_type(name)
    for name in DEVICES:
        yield f"device.{name}", _is_device(name)
    for name in SOURCES:
        yield f"source.{name}", _is_source(name)
    yield from _FACTS.items()


def _count(name: str) -> Feature:
    return lambda visit, _: visit.types.count.get(name, 0)


def _page_count(name: str) -> Feature:
    return lambda visit, _: visit.page_views.count.get(name, 0)


def _times(prefix: str, names: tuple[str, ...], of: Callable[[Visit], Tally]) -> Iterator[tuple[str, Feature]]:
    for name in names:
        yield f"{prefix}first_s.{name}", _first(name, of)
    for name in names:
        yield f"{prefix}last_s.{name}", _last(name, of)


def _first(name: str, of: Callable[[Visit], Tally]) -> Feature:
    return lambda visit, _: _seconds(of(visit).first.get(name))


def _last(name: str, of: Callable[[Visit], Tally]) -> Feature:
    return lambda visit, _: _seconds(of(visit).last.get(name))


def _seconds(offset_ms: int | None) -> float:
    return -1.0 if offset_ms is None else float32(offset_ms / 1_000)


def _window(k: int, kind: str) -> Feature:
    return lambda visit, _: visit.windows.counts[k].get(kind, 0)


def _timer(name: str) -> Feature:
    return lambda visit, _: visit.timers.fired.get(name, 0)


def _is_page_type(name: str) -> Feature:
    return lambda visit, _: visit.page_type == name


def _is_device(name: str) -> Feature:
    return lambda visit, _: visit.device == name


def _is_source(name: str) -> Feature:
    return lambda visit, _: visit.source == name


def _given(fact: bool | None) -> float:
    return -1.0 if fact is None else float(fact)


_ALONE: dict[str, Feature] = {
    "events": lambda visit, _: visit.events,
    "duration_s": lambda visit, _: float32((visit.last - visit.start) / 1_000),
    "silence_s": lambda visit, _: float32(max(0, visit.last - visit.timers.active) / 1_000),
    "rage_clicks": lambda visit, _: visit.clicks.rage,
    "dead_clicks": lambda visit, _: visit.clicks.dead,
    "error_clicks": lambda visit, _: visit.clicks.error,
    "quick_backs": lambda visit, _: visit.pages.quick_backs,
    "reloads": lambda visit, _: visit.pages.reloads,
    "scroll_bursts": lambda visit, _: visit.windows.scroll_bursts,
    "form_abandons": lambda visit, _: visit.forms.abandons,
    "open_inputs": lambda visit, _: visit.forms.open,
    "search_refinements": lambda visit, _: visit.searches.refinements,
    "product_toggles": lambda visit, _: visit.products.toggles,
    "novel_products": lambda visit, _: visit.products.novel,
    "out_of_stock_views": lambda visit, _: visit.products.out_of_stock_views,
    "price_last": lambda visit, _: visit.products.price_last,
    "price_max": lambda visit, _: visit.products.price_max,
    "price_mean": lambda visit, _: float32(visit.products.price_mean),
    "cart_items": lambda visit, _: visit.cart.items,
    "cart_value": lambda visit, _: visit.cart.value,
    "cart_value_max": lambda visit, _: visit.cart.value_max,
    "shipping_cost": lambda visit, _: visit.cart.shipping_cost,
    "shipping_share": lambda visit, _: float32(visit.cart.shipping_share),
    "scroll_max": lambda visit, _: visit.scroll_max,
    "dwell_s": lambda visit, _: visit.dwell_s,
    "orders": lambda visit, _: visit.cart.orders,
    "revenue": lambda visit, _: visit.cart.revenue,
    "exit_with_cart": lambda visit, _: visit.cart.exits,
    "checkout_inputs": lambda visit, _: visit.forms.checkout_inputs,
    "funnel": lambda visit, _: visit.funnel,
    "pages": lambda visit, _: visit.pages.pages,
    "pages_per_min": lambda visit, _: float32(visit.pages.pages / max((visit.last - visit.start) / 1_000 / 60, 1 / 60)),
    "bounce": lambda visit, _: visit.pages.pages <= 1 and visit.last - visit.start < BOUNCE_MS,
}
_FACTS: dict[str, Feature] = {
    "logged_in": lambda visit, _: _given(visit.logged_in),
    "returning": lambda visit, _: _given(visit.returning),
    "prior_conversion": lambda visit, _: _given(visit.prior_conversion),
    "explored_today": lambda visit, _: visit.explored_today,
    "post_session_timers": lambda visit, _: visit.timers.post_session,
    "bot": lambda visit, _: visit.windows.bot,
    "capped": lambda visit, _: visit.capped,
    "duplicates": lambda visit, _: visit.duplicates,
    "undecided": lambda visit, _: visit.undecided,
}

FEATURES: dict[str, Feature] = dict(_all())
"""By name, in the order of the page; their values are float32, or whole numbers that `features_of` makes float32."""
