"""Searches, and the products looked at."""

from __future__ import annotations

import numpy as np

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import SEARCH, SELECT_ITEM, VIEW_ITEM
from models.behaviour.hashing import NULL
from models.jit import Record, njit


@njit
def fold_searches(row: Record, event: Record) -> None:
    """A search is refined by the next one, unless an item was selected or viewed between."""
    if event.type == SEARCH:
        row.help_searches += event.help
        row.search_refinements += row.searching
        row.searching = 1
    elif event.type == SELECT_ITEM or event.type == VIEW_ITEM:
        row.searching = 0


@njit
def fold_products(row: Record, event: Record) -> None:
    """What a view_item says of the product and its price."""
    if event.type != VIEW_ITEM:
        return
    row.out_of_stock_in_view = event.in_stock == 0
    if event.in_stock == 0:
        row.out_of_stock_views += 1
    if event.product != NULL:
        _view(row, event.product)
    if not np.isnan(event.price):
        row.price_last = event.price
        row.price_max = max(row.price_max, row.price_last)
        row.price_sum += event.price
        row.price_count += 1


@njit
def _view(row: Record, product: int) -> None:
    if product != row.product:
        if product == row.product_before:
            row.product_toggles += 1
        row.product_before = row.product
        row.product = product
    for k in range(BOUNDS.novel_memory):
        if row.novel[k] == product:
            return
    row.novel_products += 1
    row.novel[row.novel_at] = product
    row.novel_at = (row.novel_at + 1) % BOUNDS.novel_memory
