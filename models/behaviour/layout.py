"""The session row: all that is remembered of a live visit, as bytes that survive a restart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import TIMERS, WINDOW_TYPES
from models.behaviour.exposures import EXPOSURE
from schemas.row_layout import Column, RowLayout
from schemas.vocabulary import EVENT_TYPES, PAGE_TYPES

UNKNOWN = -1
"""A yes-or-no that was never given."""
FRICTION_BYTES = 48
"""Bytes of a set of frictions: bit b of byte a stands for the friction of number 8 a + b in its id, F001-F325; bit 0 of
byte 0 for the pseudo-friction `none`."""
CONTAINER_DTYPE = "S40"

_HEAD = (
    Column("due_ms", "<i8", "Watermark at which the visit next wants attention: a timer or its closing; 0 = no visit."),
    Column("start_ms", "<i8", "Event time of the first event, ms since the epoch."),
    Column("last", "<u4", "Offset of the highest event time folded, ms."),
    Column("active", "<u4", "Offset of the highest event time of an activity, ms."),
    Column("events", "<u4", "Events folded."),
    Column("window", "<i4", "Number of the newest 10 s window, event time // 10 s."),
    Column("window_events", "<u2", "Events of any type in the newest window, saturating."),
    Column(
        "tabs_made", "u1", "Slots of tabs taken so far; from the number of slots on, that number plus the oldest slot."
    ),
    Column("event_ids_at", "u1", "Place of the next remembered event id."),
    Column("silent", "u1", "Bit per idle timer that fired since the last activity."),
    Column("pending", "u1", "1 while a timer that fired waits for its evaluation."),
    Column("personalization", "u1", "Consent to personalization on the last folded event."),
    Column("bot", "u1", "1 once a window held more events than a person makes."),
    Column("page_type", "u1", "Page type of the last activity; before any, of the first event."),
    Column("device", "u1", "Device of the first event."),
    Column("source", "u1", "Traffic source of the first event."),
    Column("funnel", "u1", "Highest stage of the funnel."),
    Column("logged_in", "i1", "Last given; -1 never.", default=UNKNOWN),
    Column("returning", "i1", "Last given; -1 never.", default=UNKNOWN),
    Column("prior_conversion", "i1", "Last given; -1 never.", default=UNKNOWN),
    Column("inputs_open", "u1", "1 while inputs were neither submitted nor abandoned."),
    Column("searching", "u1", "1 after a search, until an item is selected or viewed."),
    Column("dead_click_last", "u1", "1 where the last folded event is a dead click."),
    Column("click_errored", "u1", "1 where the last click already counts as an error click."),
    Column("click_row", "u1", "Clicks in a row on the same target, up to those that can make a fast one."),
    Column("click_fast", "u1", "1 where the last click of the row was fast."),
    Column("novel_at", "u1", "Place of the next novel product."),
    Column("out_of_stock_in_view", "u1", "1 while the item last viewed, on the current page, cannot be bought."),
    Column("explored_today", "<u2", "Exploratory interventions of the day, last given."),
)
_MEMORIES = (
    Column("tab", "<u8", "Hashes of the known tabs.", (BOUNDS.tabs,)),
    Column("tab_highest", "<i8", "Highest seq of each tab.", (BOUNDS.tabs,)),
    Column("tab_seen", "<u8", "Bit d: the seq d below the tab's highest was seen.", (BOUNDS.tabs,)),
    Column("event_ids", "<u8", "Hashes of the last events that were no duplicates.", (BOUNDS.remembered_events,)),
    Column("novel", "<u8", "Hashes of the last novel products.", (BOUNDS.novel_memory,)),
    Column("site", "<u8", "Hash of the site."),
    Column("page", "<u8", "Hash of the current page; 0 before the first."),
    Column("page_before", "<u8", "Hash of the page before the current one; 0 where there was none."),
    Column("product", "<u8", "Hash of the current product; 0 before the first."),
    Column("product_before", "<u8", "Hash of the product before the current one; 0 where there was none."),
    Column("click_target", "<u8", "Hash of the target of the current row of clicks."),
    Column("payment_field", "<u8", "Hash of the payment field left empty; 0 where the timer is not armed."),
    Column("hover_target", "<u8", "Hash of the target hovered; 0 where the timer is not armed."),
    Column("order", "<u8", "Hash of the last purchase's order id; 0 where it had none."),
    Column("page_entered", "<u4", "Offset at which the current page became current, ms."),
    Column("click_at", "<u4", "Offset of the last click of the row, ms."),
    Column("click_before", "<u4", "Offset of the click before it, ms."),
    Column("payment_at", "<u4", "Offset of the input that left a payment field empty, ms."),
    Column("hover_at", "<u4", "Offset of the hover, ms."),
    Column("purchase_at", "<i4", "Event time of the last purchase less the start, ms; below 0 if stamped before it."),
)
_AMOUNTS = (
    Column("price_sum", "<f8", "Sum of the prices seen on viewed items."),
    Column("cart_items", "<i8", "Units in the cart."),
    Column("price_count", "<u4", "Prices seen on viewed items."),
    Column("price_last", "<f4", "Last price seen on a viewed item."),
    Column("price_max", "<f4", "Highest price seen on a viewed item."),
    Column("cart_value", "<f4", "Value of the cart."),
    Column("cart_value_max", "<f4", "Highest value of the cart."),
    Column("shipping_cost", "<f4", "Shipping cost last given."),
    Column("revenue", "<f4", "Value of what was purchased."),
    Column("scroll_max", "<f4", "Highest scroll depth, 0-1."),
    Column("dwell_s", "<f4", "Sum of dwell, s."),
)
_COUNTERS = (
    Column("orders", "<u2", "Orders begun."),
    Column("rage_clicks", "<u2", "Episodes of rage clicks."),
    Column("dead_clicks", "<u2", "Clicks on what does not react, without a change of page."),
    Column("error_clicks", "<u2", "Clicks followed by a script error."),
    Column("quick_backs", "<u2", "Quick returns to the page before."),
    Column("reloads", "<u2", "Views of the current page."),
    Column("scroll_bursts", "<u2", "Windows full of scrolls."),
    Column("form_abandons", "<u2", "Pages left with inputs open."),
    Column("search_refinements", "<u2", "Searches after a search without a look at an item."),
    Column("product_toggles", "<u2", "Returns to the product before."),
    Column("novel_products", "<u2", "Views of products not among the last novel ones."),
    Column("out_of_stock_views", "<u2", "Views of items that cannot be bought."),
    Column("exit_with_cart", "<u2", "Exit intents with items in the cart."),
    Column("checkout_inputs", "<u2", "Inputs on checkout pages."),
    Column("pages", "<u2", "Views of another page than the current one."),
    Column("help_searches", "<u2", "Searches for words of help."),
    Column("post_session_timers", "<u4", "Timers fired at or after the end of the visit."),
    Column("capped", "<u4", "Events beyond the cap."),
    Column("duplicates", "<u4", "Events seen before."),
    Column("undecided", "<u4", "Events that could not be told from duplicates."),
)
_FAMILIES = (
    Column("type_count", "<u2", "Events by type, saturating.", (len(EVENT_TYPES),)),
    Column("type_first", "<u4", "Offset of the first event by type, ms; only where counted.", (len(EVENT_TYPES),)),
    Column("type_last", "<u4", "Offset of the last event by type, ms; only where counted.", (len(EVENT_TYPES),)),
    Column("page_count", "<u2", "Page views by page type, saturating.", (len(PAGE_TYPES),)),
    Column(
        "page_first", "<u4", "Offset of the first page view by page type, ms; only where counted.", (len(PAGE_TYPES),)
    ),
    Column(
        "page_last", "<u4", "Offset of the last page view by page type, ms; only where counted.", (len(PAGE_TYPES),)
    ),
    Column(
        "windows", "u1", "Events by window, newest first, and type, saturating.", (BOUNDS.windows, len(WINDOW_TYPES))
    ),
    Column("timer_count", "u1", "Times each timer fired, saturating.", (len(TIMERS),)),
)

_DECISIONS = (
    Column("bucket", "<u2", "Place of the visitor among 10,000, plus 1; 0 while it is not drawn."),
    Column("decisions", "<u2", "Decisions so far."),
    Column("loud", "u1", "Decisions above PASSIVE, saturating."),
    Column("actives", "u1", "Decisions of ACTIVE, saturating."),
    Column("nudges", "u1", "Decisions of NUDGE, saturating."),
    Column("late_conversions", "u1", "Orders begun after the window of the decision before them, saturating."),
    Column("decided_at", "<u4", "Offset of the last decision, ms; only where there was one, as the next two."),
    Column("active_at", "<u4", "Offset of the last decision of ACTIVE, ms."),
    Column("nudge_at", "<u4", "Offset of the last decision of NUDGE, ms."),
    Column("handled", "u1", "Frictions decided on, as a set.", (FRICTION_BYTES,)),
    Column("raised", "u1", "Frictions that raised to ESCALATE, as a set.", (FRICTION_BYTES,)),
)
_WINDOW = (
    Column("open_id", "<u8", "Hash of the id of the decision whose reward is open."),
    Column("open_propensity", "<f8", "Probability of its arm."),
    Column("open_result", "u1", "What it showed, a place in RESULTS plus 1; 0 where no reward is open."),
    Column("open_action", "u1", "Its action, a place in ACTIONS."),
    Column("open_tier", "u1", "Its tier, a place in TIERS."),
    Column("open_converted", "u1", "1 once an order began in its window."),
    Column("open_dismissed", "u1", "1 once what it showed was dismissed in its window."),
    Column("open_friction", "<u2", "Number of its friction; 0 for none."),
    Column("open_pages", "<u2", "Views of another page in its window."),
    Column("open_at", "<u4", "Offset of the decision, ms."),
    Column("open_last", "<u4", "Time from the decision to the last event in its window, ms."),
    Column("open_events", "<u4", "Events in its window."),
    Column("open_dwell_s", "<f4", "Sum of dwell in its window, s."),
    Column("open_scroll", "<f4", "Highest scroll depth in its window, 0-1."),
)
_CONTAINERS = (
    Column("containers", "u1", "Containers seen, at most those remembered."),
    Column(
        "containers_beyond",
        "<u2",
        "Page views of containers that are not remembered, each counted, saturating.",
    ),
    Column("seen_credited", "u1", "Per container: 1 once it was in view long enough.", (EXPOSURE.containers,)),
    Column("seen_orders", "<u2", "Orders begun since it was first seen.", (EXPOSURE.containers,)),
    Column("seen_pages", "<u2", "Views of another page since.", (EXPOSURE.containers,)),
    Column(
        "seen_at",
        "<u4",
        "Offset of the exposure that counts, else of the one that is running, ms.",
        (EXPOSURE.containers,),
    ),
    Column("seen_dwell_s", "<f4", "Sum of dwell since, s.", (EXPOSURE.containers,)),
    Column("seen_scroll", "<f4", "Highest scroll depth since, 0-1.", (EXPOSURE.containers,)),
    Column("seen_tab", "<u8", "Hash of the tab that shows it, where it is in view.", (EXPOSURE.containers,)),
    Column("seen_in_view", "u1", "1 while its exposure is running.", (EXPOSURE.containers,)),
    Column("container", CONTAINER_DTYPE, "The container, UTF-8.", (EXPOSURE.containers,)),
)

SESSION_LAYOUT = RowLayout(
    "session",
    # What every event touches stands together: a row is more than ten cache lines.
    (
        *_HEAD,
        *_MEMORIES,
        *_AMOUNTS,
        *_COUNTERS,
        *_FAMILIES,
        *_DECISIONS,
        *_WINDOW,
        *_CONTAINERS,
        Column("site_id", "S40", "The site, UTF-8."),
    ),
    due="due_ms",
)


def as_bytes(dtype: np.dtype[np.void]) -> np.dtype[np.void]:
    """The same structured dtype with its fixed-width texts as arrays of bytes, which kernels copy faster."""
    fields = []
    for name in dtype.names or ():
        kind, base = dtype[name], dtype[name].base
        is_text = base.kind == "S"
        fields.append((name, np.uint8, (*kind.shape, base.itemsize)) if is_text else (name, base, kind.shape))
    return np.dtype(fields, align=True)


KERNEL_DTYPE = as_bytes(SESSION_LAYOUT.dtype)
"""A session row as the kernels take it."""


def text_bytes(texts: npt.NDArray[np.bytes_]) -> npt.NDArray[np.uint8]:
    """`uint8[n, width]`: the bytes of n texts of fixed width."""
    return texts.view(np.uint8).reshape(texts.size, texts.dtype.itemsize)
