"""The features of session rows, as a matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import WINDOW_TYPES
from models.behaviour.config import MINUTE_MS, SECOND_MS
from models.behaviour.features import FEATURE_NAMES, NEVER
from models.behaviour.layout import SESSION_LAYOUT
from schemas.vocabulary import DEVICES, PAGE_TYPES, SOURCES

MINUTE_S = MINUTE_MS // SECOND_MS

Rows = npt.NDArray[np.void]
Block = npt.NDArray[Any]


def feature_matrix(rows: Rows) -> npt.NDArray[np.float32]:
    """`float32[n, F]`: the features of n rows that hold visits, live or closed, in the order of FEATURES.

    Raises ValueError where the rows are of another layout.
    """
    if rows.dtype != SESSION_LAYOUT.dtype:
        raise ValueError(f"expected rows of layout {SESSION_LAYOUT.name!r}, found {rows.dtype}")
    out = np.empty((rows.size, len(FEATURE_NAMES)), np.float32)
    at = 0
    for block in _blocks(rows):
        width = block.shape[1] if block.ndim > 1 else 1
        out[:, at : at + width] = block.reshape(rows.size, width)
        at += width
    return out


def _blocks(rows: Rows) -> Iterator[Block]:
    """Features that stand together, `[n]` or `[n, width]`, in the order of FEATURES."""
    yield from _moments(rows, "type_count", "type_first", "type_last")
    yield from _moments(rows, "page_count", "page_first", "page_last")
    yield rows["windows"].reshape(rows.size, BOUNDS.windows * len(WINDOW_TYPES))
    yield rows["timer_count"]
    last = rows["last"].astype(np.int64)
    duration_s = last / SECOND_MS
    yield rows["events"]
    yield duration_s
    yield np.maximum(last - rows["active"], 0) / SECOND_MS
    for name in ("rage_clicks", "dead_clicks", "error_clicks", "quick_backs", "reloads", "scroll_bursts"):
        yield rows[name]
    for name in ("form_abandons", "inputs_open", "search_refinements", "product_toggles", "novel_products"):
        yield rows[name]
    for name in ("out_of_stock_views", "price_last", "price_max"):
        yield rows[name]
    yield rows["price_sum"] / np.maximum(rows["price_count"], 1)
    for name in ("cart_items", "cart_value", "cart_value_max", "shipping_cost"):
        yield rows[name]
    yield _shipping_share(rows)
    for name in ("scroll_max", "dwell_s", "orders", "revenue", "exit_with_cart", "checkout_inputs", "funnel", "pages"):
        yield rows[name]
    yield rows["pages"] / np.maximum(duration_s / MINUTE_S, 1 / MINUTE_S)
    yield (rows["pages"] <= BOUNDS.bounce_pages) & (last < BOUNDS.bounce_ms)
    yield _one_hot(rows["page_type"], len(PAGE_TYPES))
    yield _one_hot(rows["device"], len(DEVICES))
    yield _one_hot(rows["source"], len(SOURCES))
    for name in ("logged_in", "returning", "prior_conversion", "explored_today"):
        yield rows[name]
    for name in ("post_session_timers", "bot", "capped", "duplicates", "undecided"):
        yield rows[name]


def _moments(rows: Rows, counts: str, firsts: str, lasts: str) -> Iterator[Block]:
    happened = rows[counts] > 0
    yield rows[counts]
    for offsets in (firsts, lasts):
        yield np.where(happened, rows[offsets] / SECOND_MS, NEVER)


def _shipping_share(rows: Rows) -> Block:
    cost = rows["shipping_cost"].astype(np.float64)
    cart = rows["cart_value"].astype(np.float64)
    share: Block = np.divide(cost, cart, out=np.zeros(rows.size), where=cart > 0)
    return np.minimum(share, BOUNDS.shipping_share_max)


def _one_hot(codes: Block, size: int) -> Block:
    matches: Block = codes[:, np.newaxis] == np.arange(size)
    return matches
