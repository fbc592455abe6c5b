"""The features of a visit at a moment: what rules judge and the scorer reads.

`INPUTS` are 128 in number and order: most of them features of the fold, some that depend on the moment itself. A
decision is a function of these numbers and of what was decided before, so that it can be made again from its record.
"""

from __future__ import annotations

import hashlib
from types import MappingProxyType

from models.behaviour.codes import TIMERS, WINDOW_TYPES
from models.behaviour.features import FEATURES, NEVER, Feature
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

INPUT_WINDOWS = 2
"""Of the 10 s windows, how many the scorer reads."""
IDLE_TIMERS = TIMERS[:4]
"""Timers that stay silent until the next activity."""

_AT_THE_MOMENT = (
    Feature("age_s", "s", "now", "now - start"),
    Feature("idle_s", "s", "now", "now - active, at least 0"),
    Feature("page_s", "s", "now", "now less when the current page was entered, at least 0"),
    Feature("shown_s", "s", "now", "now less the last intervention_shown", NEVER),
    Feature("dismissed_s", "s", "now", "now less the last intervention_dismissed", NEVER),
    *(Feature(f"silent.{t}", "0/1", "now", "1 once the timer fired, until the next activity") for t in IDLE_TIMERS),
    Feature("help_searches", "events", "visit", "searches for words of help"),
    Feature("technical_error", "0/1", "now", "1 after a js_error on the current page"),
    Feature("out_of_stock_in_view", "0/1", "now", "1 while the item last viewed, on this page, cannot be bought"),
    Feature("decisions", "decisions", "visit", "decisions so far"),
)

_NAMES = (
    *(f"count.{t}" for t in EVENT_TYPES),
    *(f"page.count.{p}" for p in PAGE_TYPES),
    *(f"timer.{t}" for t in TIMERS),
    *(f"window.{k}.{t}" for k in range(INPUT_WINDOWS) for t in WINDOW_TYPES),
    *("events", "duration_s", "rage_clicks", "dead_clicks", "error_clicks", "quick_backs", "reloads", "scroll_bursts"),
    *("form_abandons", "open_inputs", "search_refinements", "product_toggles", "novel_products", "out_of_stock_views"),
    *("price_last", "price_max", "price_mean", "cart_items", "cart_value", "cart_value_max", "shipping_cost"),
    *("shipping_share", "scroll_max", "dwell_s", "orders", "revenue", "exit_with_cart", "checkout_inputs", "funnel"),
    *("pages", "pages_per_min", "bounce"),
    *(f"page_type.{p}" for p in PAGE_TYPES),
    *(f"device.{d}" for d in DEVICES),
    *(f"source.{s}" for s in SOURCES),
    *("logged_in", "returning", "prior_conversion", "explored_today"),
    *(feature.name for feature in _AT_THE_MOMENT),
)
_DECLARED = {feature.name: feature for feature in (*FEATURES, *_AT_THE_MOMENT)}

INPUTS = tuple(_DECLARED[name] for name in _NAMES)
"""The scorer's inputs, in its order."""
INPUT_PLACE = MappingProxyType({feature.name: place for place, feature in enumerate(INPUTS)})
"""The column of each input, by name."""
INPUT_SET = hashlib.sha256("\n".join(f"{f.name} {f.definition_hash}" for f in INPUTS).encode()).hexdigest()[:16]
"""Names the inputs, their order and their definitions."""
