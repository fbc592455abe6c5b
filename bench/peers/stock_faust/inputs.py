"""The scorer's inputs of one visit at a moment, from the fold in plain Python."""

from __future__ import annotations

from tests.reference import timers, windows
from tests.reference.symbols import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES
from tests.reference.visit import Visit

WINDOWS = 2
IDLE_TIMERS = timers.NAMES[:4]
BOUNCE_MS = 5_000
NEVER = -1.0

_PAGE = {name: place for place, name in enumerate(PAGE_TYPES)}
_DEVICE = {name: place for place, name in enumerate(DEVICES)}
_SOURCE = {name: place for place, name in enumerate(SOURCES)}


def inputs(visit: Visit, now_ms: int, decisions: int) -> list[float]:
    """The 128 inputs, in the order of `models.behaviour.moment.INPUTS`.

    The fold does not look for words of help in searches, nor whether what is in view can be bought: 0 here.
    """
    count, viewed, fired = visit.types.count.get, visit.page_views.count.get, visit.timers.fired.get
    x: list[float] = [count(name, 0) for name in EVENT_TYPES]
    x += [viewed(name, 0) for name in PAGE_TYPES]
    x += [fired(name, 0) for name in timers.NAMES]
    for counts in visit.windows.counts[:WINDOWS]:
        x += [counts.get(name, 0) for name in windows.TYPES]
    x += _behaviour(visit)
    x += _commerce(visit)
    x += _one_hot(visit)
    x += _moment(visit, now_ms, decisions)
    return x


def _behaviour(visit: Visit) -> tuple[float, ...]:
    clicks, pages, products = visit.clicks, visit.pages, visit.products
    return (
        visit.events,
        (visit.last - visit.start) / 1_000,
        clicks.rage,
        clicks.dead,
        clicks.error,
        pages.quick_backs,
        pages.reloads,
        visit.windows.scroll_bursts,
        visit.forms.abandons,
        visit.forms.open,
        visit.searches.refinements,
        products.toggles,
        products.novel,
        products.out_of_stock_views,
        products.price_last,
        products.price_max,
        products.price_mean,
    )


def _commerce(visit: Visit) -> tuple[float, ...]:
    cart, pages = visit.cart, visit.pages.pages
    duration_ms = visit.last - visit.start
    return (
        cart.items,
        cart.value,
        cart.value_max,
        cart.shipping_cost,
        cart.shipping_share,
        visit.scroll_max,
        visit.dwell_s,
        cart.orders,
        cart.revenue,
        cart.exits,
        visit.forms.checkout_inputs,
        visit.funnel,
        pages,
        pages / max(duration_ms / 60_000, 1 / 60),
        pages <= 1 and duration_ms < BOUNCE_MS,
    )


def _one_hot(visit: Visit) -> list[float]:
    x = [0.0] * (len(_PAGE) + len(_DEVICE) + len(_SOURCE))
    x[_PAGE[visit.page_type]] = 1.0
    x[len(_PAGE) + _DEVICE[visit.device]] = 1.0
    x[len(_PAGE) + len(_DEVICE) + _SOURCE[visit.source]] = 1.0
    return x


def _moment(visit: Visit, now_ms: int, decisions: int) -> tuple[float, ...]:
    age_ms = now_ms - visit.start
    last = visit.types.last
    error_at, silent = last.get("js_error"), visit.timers.silent
    return (
        *(NEVER if given is None else given for given in (visit.logged_in, visit.returning, visit.prior_conversion)),
        visit.explored_today,
        age_ms / 1_000,
        max(now_ms - visit.timers.active, 0) / 1_000,
        max(age_ms - visit.pages.entered, 0) / 1_000,
        _since_s(last.get("intervention_shown"), age_ms),
        _since_s(last.get("intervention_dismissed"), age_ms),
        *(name in silent for name in IDLE_TIMERS),
        0.0,
        error_at is not None and error_at >= visit.pages.entered,
        0.0,
        decisions,
    )


def _since_s(offset_ms: int | None, age_ms: int) -> float:
    return NEVER if offset_ms is None else max(age_ms - offset_ms, 0) / 1_000
