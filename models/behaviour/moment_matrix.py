"""The features of visits at a moment, as a matrix; one compiled loop, since every evaluation needs it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import INTERVENTION_DISMISSED, INTERVENTION_SHOWN, JS_ERROR, TIMERS, WINDOW_TYPES
from models.behaviour.config import MINUTE_MS, SECOND_MS
from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT
from models.behaviour.moment import IDLE_TIMERS, INPUT_PLACE, INPUT_WINDOWS, INPUTS
from models.jit import Record, njit
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

_MINUTE_S = MINUTE_MS / SECOND_MS
_NEVER = -1.0
_TYPES = len(EVENT_TYPES)
_PAGES = len(PAGE_TYPES)
_TIMERS = len(TIMERS)
_WINDOW_TYPES = len(WINDOW_TYPES)
_DEVICES = len(DEVICES)
_SOURCES = len(SOURCES)
_IDLE_TIMERS = len(IDLE_TIMERS)

# Where each run of inputs begins.
_AT_TYPES = INPUT_PLACE[f"count.{EVENT_TYPES[0]}"]
_AT_PAGES = INPUT_PLACE[f"page.count.{PAGE_TYPES[0]}"]
_AT_TIMERS = INPUT_PLACE[f"timer.{TIMERS[0]}"]
_AT_WINDOWS = INPUT_PLACE[f"window.0.{WINDOW_TYPES[0]}"]
_AT_EVENTS = INPUT_PLACE["events"]
_AT_PRODUCTS = INPUT_PLACE["search_refinements"]
_AT_CART = INPUT_PLACE["cart_items"]
_AT_PAGE_SUMS = INPUT_PLACE["pages"]
_AT_PAGE_TYPE = INPUT_PLACE[f"page_type.{PAGE_TYPES[0]}"]
_AT_DEVICE = INPUT_PLACE[f"device.{DEVICES[0]}"]
_AT_SOURCE = INPUT_PLACE[f"source.{SOURCES[0]}"]
_AT_VISITOR = INPUT_PLACE["logged_in"]
_AT_MOMENT = INPUT_PLACE["age_s"]
_AT_SILENT = INPUT_PLACE[f"silent.{IDLE_TIMERS[0]}"]
_AT_LAST = INPUT_PLACE["help_searches"]


def moment_matrix(
    rows: npt.NDArray[np.void], index: npt.NDArray[np.int64], now_ms: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """`float32[n, 128]`: the features of the visits in `rows[index]`, live or closed, in the order of `moment.INPUTS`.

    `index` and `now_ms` are `int64[n]`; the latter is each visit's moment, ms since the epoch. Raises ValueError where
    the rows are of another layout.
    """
    if rows.dtype != SESSION_LAYOUT.dtype:
        raise ValueError(f"expected rows of layout {SESSION_LAYOUT.name!r}, found {rows.dtype}")
    out = np.zeros((index.size, len(INPUTS)), np.float32)
    _fill(rows.view(KERNEL_DTYPE), index, now_ms, out)
    return out


@njit
def _fill(rows: Any, index: Any, now_ms: Any, out: Any) -> None:
    for k in range(index.size):
        row = rows[index[k]]
        _fill_families(row, out[k])
        _fill_behaviour(row, out[k])
        _fill_commerce(row, out[k])
        _fill_moment(row, now_ms[k], out[k])


@njit
def _fill_families(row: Record, out: Any) -> None:
    for k in range(_TYPES):
        out[_AT_TYPES + k] = row.type_count[k]
    for k in range(_PAGES):
        out[_AT_PAGES + k] = row.page_count[k]
    for k in range(_TIMERS):
        out[_AT_TIMERS + k] = row.timer_count[k]
    for w in range(INPUT_WINDOWS):
        for k in range(_WINDOW_TYPES):
            out[_AT_WINDOWS + w * _WINDOW_TYPES + k] = row.windows[w, k]
    out[_AT_PAGE_TYPE + row.page_type] = 1.0
    out[_AT_DEVICE + row.device] = 1.0
    out[_AT_SOURCE + row.source] = 1.0


@njit
def _fill_behaviour(row: Record, out: Any) -> None:
    duration_s = row.last / SECOND_MS
    out[_AT_EVENTS] = row.events
    out[_AT_EVENTS + 1] = duration_s
    out[_AT_EVENTS + 2] = row.rage_clicks
    out[_AT_EVENTS + 3] = row.dead_clicks
    out[_AT_EVENTS + 4] = row.error_clicks
    out[_AT_EVENTS + 5] = row.quick_backs
    out[_AT_EVENTS + 6] = row.reloads
    out[_AT_EVENTS + 7] = row.scroll_bursts
    out[_AT_EVENTS + 8] = row.form_abandons
    out[_AT_EVENTS + 9] = row.inputs_open
    out[_AT_PAGE_SUMS] = row.pages
    out[_AT_PAGE_SUMS + 1] = row.pages / max(duration_s / _MINUTE_S, 1 / _MINUTE_S)
    out[_AT_PAGE_SUMS + 2] = row.pages <= BOUNDS.bounce_pages and row.last < BOUNDS.bounce_ms
    out[_AT_VISITOR] = row.logged_in
    out[_AT_VISITOR + 1] = row.returning
    out[_AT_VISITOR + 2] = row.prior_conversion
    out[_AT_VISITOR + 3] = row.explored_today


@njit
def _fill_commerce(row: Record, out: Any) -> None:
    out[_AT_PRODUCTS] = row.search_refinements
    out[_AT_PRODUCTS + 1] = row.product_toggles
    out[_AT_PRODUCTS + 2] = row.novel_products
    out[_AT_PRODUCTS + 3] = row.out_of_stock_views
    out[_AT_PRODUCTS + 4] = row.price_last
    out[_AT_PRODUCTS + 5] = row.price_max
    out[_AT_PRODUCTS + 6] = row.price_sum / max(row.price_count, 1)
    out[_AT_CART] = row.cart_items
    out[_AT_CART + 1] = row.cart_value
    out[_AT_CART + 2] = row.cart_value_max
    out[_AT_CART + 3] = row.shipping_cost
    out[_AT_CART + 4] = _shipping_share(row)
    out[_AT_CART + 5] = row.scroll_max
    out[_AT_CART + 6] = row.dwell_s
    out[_AT_CART + 7] = row.orders
    out[_AT_CART + 8] = row.revenue
    out[_AT_CART + 9] = row.exit_with_cart
    out[_AT_CART + 10] = row.checkout_inputs
    out[_AT_CART + 11] = row.funnel


@njit
def _shipping_share(row: Record) -> float:
    if row.cart_value > 0:
        share: float = np.float64(row.shipping_cost) / np.float64(row.cart_value)
        return min(share, BOUNDS.shipping_share_max)
    return 0.0


@njit
def _fill_moment(row: Record, now_ms: int, out: Any) -> None:
    age_ms = now_ms - row.start_ms
    out[_AT_MOMENT] = age_ms / SECOND_MS
    out[_AT_MOMENT + 1] = max(age_ms - row.active, 0) / SECOND_MS
    out[_AT_MOMENT + 2] = max(age_ms - row.page_entered, 0) / SECOND_MS
    out[_AT_MOMENT + 3] = _since(row, INTERVENTION_SHOWN, age_ms)
    out[_AT_MOMENT + 4] = _since(row, INTERVENTION_DISMISSED, age_ms)
    for k in range(_IDLE_TIMERS):
        out[_AT_SILENT + k] = (row.silent >> k) & 1
    out[_AT_LAST] = row.help_searches
    out[_AT_LAST + 1] = row.type_count[JS_ERROR] > 0 and row.type_last[JS_ERROR] >= row.page_entered
    out[_AT_LAST + 2] = row.out_of_stock_in_view
    out[_AT_LAST + 3] = row.decisions


@njit
def _since(row: Record, kind: int, age_ms: int) -> float:
    """Seconds since the last event of a kind, at least 0; -1 where there was none."""
    if row.type_count[kind] == 0:
        return _NEVER
    return float(max(age_ms - np.int64(row.type_last[kind]), 0) / SECOND_MS)
