"""The cart, purchases and orders (`docs/fold.md`, 5.1)."""

from __future__ import annotations

import numpy as np

from models.behaviour.codes import ADD_TO_CART, EXIT_INTENT, PURCHASE, REMOVE_FROM_CART
from models.behaviour.hashing import NULL
from models.jit import Record, njit

_ONE_UNIT = 1


@njit
def fold_cart(row: Record, event: Record) -> int:
    """What the event says of the cart replaces what was known; the rest follows from its type.

    Returns how many orders it began.
    """
    orders: int = row.orders
    items_given = event.cart_items >= 0
    value_given = not np.isnan(event.cart_value)
    if items_given:
        row.cart_items = event.cart_items
    if value_given:
        row.cart_value = event.cart_value
    if event.type == ADD_TO_CART or event.type == REMOVE_FROM_CART:
        sign = 1 if event.type == ADD_TO_CART else -1
        if not items_given:
            row.cart_items = max(row.cart_items + sign * _units(event), 0)
        if not value_given:
            row.cart_value = max(np.float64(row.cart_value) + sign * _worth(event), 0.0)
    row.cart_value_max = max(row.cart_value_max, row.cart_value)
    if event.type == PURCHASE:
        _purchase(row, event, event.cart_value if value_given else _worth(event))
    elif event.type == EXIT_INTENT and row.cart_items > 0:
        row.exit_with_cart += 1
    return int(row.orders - orders)


@njit
def _units(event: Record) -> int:
    return event.quantity if event.quantity >= 0 else _ONE_UNIT


@njit
def _worth(event: Record) -> float:
    return 0.0 if np.isnan(event.price) else _units(event) * event.price


@njit
def _purchase(row: Record, event: Record, worth: float) -> None:
    row.revenue = np.float64(row.revenue) + worth
    row.cart_items = 0
    row.cart_value = 0.0
    since_start = event.time - row.start_ms
    if row.orders == 0:
        row.orders = 1
    elif event.order == NULL or row.order == NULL:
        row.orders += row.purchase_at != since_start
    else:
        row.orders += row.order != event.order
    row.order = event.order
    row.purchase_at = since_start
