"""Codes of the symbols that the kernels ask for by name: a symbol's place in its vocabulary."""

from __future__ import annotations

import numpy as np

from schemas.vocabulary import EVENT_TYPES, PAGE_TYPES, TRIGGERS

PAGE_VIEW = EVENT_TYPES.index("page_view")
PAGE_PING = EVENT_TYPES.index("page_ping")
CLICK = EVENT_TYPES.index("click")
HOVER = EVENT_TYPES.index("hover")
INPUT = EVENT_TYPES.index("input")
FORM_SUBMIT = EVENT_TYPES.index("form_submit")
SEARCH = EVENT_TYPES.index("search")
SELECT_ITEM = EVENT_TYPES.index("select_item")
VIEW_ITEM = EVENT_TYPES.index("view_item")
ADD_TO_CART = EVENT_TYPES.index("add_to_cart")
REMOVE_FROM_CART = EVENT_TYPES.index("remove_from_cart")
PURCHASE = EVENT_TYPES.index("purchase")
EXIT_INTENT = EVENT_TYPES.index("exit_intent")
JS_ERROR = EVENT_TYPES.index("js_error")
INTERVENTION_SHOWN = EVENT_TYPES.index("intervention_shown")
INTERVENTION_DISMISSED = EVENT_TYPES.index("intervention_dismissed")

CHECKOUT = PAGE_TYPES.index("checkout")

BY_TIMER = TRIGGERS.index("timer")

PASSIVE_TYPES = (
    "page_ping",
    "visibility_hidden",
    "js_error",
    "slow_response",
    "intervention_shown",
    "consent_changed",
)
"""Events that are no activity: they keep a visit open and end no silence."""
IS_ACTIVITY = np.array([name not in PASSIVE_TYPES for name in EVENT_TYPES])

FUNNEL = (
    "view_item",
    "add_to_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "purchase",
)
"""The stages of the funnel, from 1."""
FUNNEL_STAGE = np.array([FUNNEL.index(name) + 1 if name in FUNNEL else 0 for name in EVENT_TYPES], np.uint8)

WINDOW_TYPES = ("page_view", "click", "scroll", "input", "form_error", "view_item", "add_to_cart", "js_error")
"""The types counted in 10 s windows: those that a rule uses."""
WINDOW_COLUMN = np.array([WINDOW_TYPES.index(name) if name in WINDOW_TYPES else -1 for name in EVENT_TYPES], np.int8)
SCROLL_COLUMN = WINDOW_TYPES.index("scroll")

TIMERS = ("idle_60", "checkout_idle_300", "cart_idle_600", "cart_idle_1800", "payment_field_30", "hover_10")
"""The timers of silence, in the order in which equal deadlines fire."""
IDLE_60 = TIMERS.index("idle_60")
CHECKOUT_IDLE_300 = TIMERS.index("checkout_idle_300")
CART_IDLE_600 = TIMERS.index("cart_idle_600")
CART_IDLE_1800 = TIMERS.index("cart_idle_1800")
PAYMENT_FIELD_30 = TIMERS.index("payment_field_30")
HOVER_10 = TIMERS.index("hover_10")
