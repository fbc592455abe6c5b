"""One event as a record: the kernels copy a row of the columns into it once and pass it on by reference."""

from __future__ import annotations

import numpy as np

from models.behaviour.columns import EventColumns
from models.jit import Record, njit

_HASHES = ("event_id", "tab", "page", "target", "product", "field", "order", "intervention")

EVENT_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("time", "watermark", "seq", "quantity", "cart_items", "explored_today")),
        *((name, "<u8") for name in _HASHES),
        *((name, "<f8") for name in ("price", "cart_value", "shipping_cost", "scroll_depth", "dwell_s")),
        ("bucket", "<u2"),
        *((name, "<i4") for name in ("site", "containers_begin", "containers_end")),
        *((name, "u1") for name in ("type", "page_type", "device", "source")),
        *((name, "u1") for name in ("analytics", "personalization", "payment", "help")),
        *((name, "i1") for name in ("interactive", "in_stock", "filled")),
        *((name, "i1") for name in ("logged_in", "returning", "prior_conversion")),
    ],
    align=True,
)


@njit
def load(columns: EventColumns, i: int, event: Record) -> None:
    """Copy event `i` of the columns into `event`."""
    event.time = columns.time[i]
    event.watermark = columns.watermark[i]
    event.type = columns.type[i]
    event.page_type = columns.page_type[i]
    event.device = columns.device[i]
    event.source = columns.source[i]
    event.analytics = columns.analytics[i]
    event.personalization = columns.personalization[i]
    event.site = columns.site[i]
    event.event_id = columns.event_id[i]
    event.tab = columns.tab[i]
    event.page = columns.page[i]
    event.target = columns.target[i]
    event.product = columns.product[i]
    event.field = columns.field[i]
    event.order = columns.order[i]
    event.intervention = columns.intervention[i]
    event.payment = columns.payment[i]
    event.help = columns.help[i]
    event.containers_begin = columns.containers_begin[i]
    event.containers_end = columns.containers_end[i]
    event.seq = columns.seq[i]
    event.quantity = columns.quantity[i]
    event.cart_items = columns.cart_items[i]
    event.explored_today = columns.explored_today[i]
    event.price = columns.price[i]
    event.cart_value = columns.cart_value[i]
    event.shipping_cost = columns.shipping_cost[i]
    event.scroll_depth = columns.scroll_depth[i]
    event.dwell_s = columns.dwell_s[i]
    event.interactive = columns.interactive[i]
    event.in_stock = columns.in_stock[i]
    event.filled = columns.filled[i]
    event.logged_in = columns.logged_in[i]
    event.returning = columns.returning[i]
    event.prior_conversion = columns.prior_conversion[i]
