"""The declared features of a visit and how they are read from session rows (`docs/fold.md`, 5).

A feature's definition hash is that of its declaration and of every constant it depends on: a changed definition is
another feature, and a model that lists the former one refuses it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from models.behaviour.bounds import BOUNDS, COUNT_MAX, SMALL_COUNT_MAX
from models.behaviour.codes import FUNNEL, PASSIVE_TYPES, TIMERS, WINDOW_TYPES
from models.behaviour.columns import PAYMENT_PREFIXES
from models.behaviour.config import FoldConfig
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

NEVER = -1.0
"""An offset of what never happened, and a yes-or-no never given."""


@dataclass(frozen=True)
class Feature:
    """One feature, float32.

    name: as in docs/fold.md, with the type, page type or timer it is about. unit: of the number. window: the span it
    looks at. fold: how it is folded. default: its value where nothing spoke of it. constants: what else it depends on.
    """

    name: str
    unit: str
    window: str
    fold: str
    default: float = 0.0
    constants: Mapping[str, float | str] = field(default_factory=dict, hash=False)

    @cached_property
    def definition_hash(self) -> str:
        """SHA-256, in hex, of the canonical declaration."""
        declared = {
            "name": self.name,
            "unit": self.unit,
            "window": self.window,
            "fold": self.fold,
            "default": self.default,
            "constants": dict(self.constants),
        }
        text = json.dumps(declared, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def features(config: FoldConfig | None = None) -> tuple[Feature, ...]:
    """The features in the document's order, which is that of `feature_matrix`; hashes stand for `config`."""
    config = config or FoldConfig()
    visit = {"gap_ms": config.gap_ms, "longest_ms": config.longest_ms, "event_cap": config.event_cap}
    return tuple(
        Feature(f.name, f.unit, f.window, f.fold, f.default, {**visit, **_constants(f, config)}) for f in _declared()
    )


def _constants(feature: Feature, config: FoldConfig) -> dict[str, float | str]:
    """The constants a declaration names, with their values."""
    values: dict[str, float | str] = {**BOUNDS._asdict(), "bot_threshold": config.bot_threshold}
    values["timer_slack_ms"] = config.timer_slack_ms
    values["lateness_ms"] = config.lateness_ms
    return {name: value if isinstance(value, str) else values[name] for name, value in feature.constants.items()}


def _uses(*names: str, **texts: str) -> dict[str, float | str]:
    """Constants by name, their values to be filled in, and vocabularies that a definition depends on."""
    return {**dict.fromkeys(names, 0.0), **texts}


def _declared() -> tuple[Feature, ...]:
    return (
        *_by_type(),
        *_by_page_type(),
        *_by_window(),
        *_by_timer(),
        *_of_time(),
        *_of_frustration(),
        *_of_products(),
        *_of_the_cart(),
        *_of_pages(),
        *_of_the_visitor(),
        *_of_the_fold(),
    )


def _by_type() -> tuple[Feature, ...]:
    counted = f"events folded of the type, saturating at {COUNT_MAX}"
    return (
        *(Feature(f"count.{t}", "events", "visit", counted) for t in EVENT_TYPES),
        *(Feature(f"first_s.{t}", "s", "visit", "offset of the first of the type", NEVER) for t in EVENT_TYPES),
        *(Feature(f"last_s.{t}", "s", "visit", "offset of the last of the type", NEVER) for t in EVENT_TYPES),
    )


def _by_page_type() -> tuple[Feature, ...]:
    counted = f"page views of the page type, saturating at {COUNT_MAX}"
    return (
        *(Feature(f"page.count.{p}", "events", "visit", counted) for p in PAGE_TYPES),
        *(Feature(f"page.first_s.{p}", "s", "visit", "offset of the first page view", NEVER) for p in PAGE_TYPES),
        *(Feature(f"page.last_s.{p}", "s", "visit", "offset of the last page view", NEVER) for p in PAGE_TYPES),
    )


def _by_window() -> tuple[Feature, ...]:
    counted = f"events of the type in the k-th newest tumbling window, saturating at {SMALL_COUNT_MAX}"
    return tuple(
        Feature(f"window.{k}.{t}", "events", "10 s", counted, constants=_uses("window_ms"))
        for k in range(BOUNDS.windows)
        for t in WINDOW_TYPES
    )


def _by_timer() -> tuple[Feature, ...]:
    counted = f"times it fired, saturating at {SMALL_COUNT_MAX}"
    return tuple(
        Feature(
            f"timer.{t}",
            "times",
            "visit",
            counted,
            constants=_uses(
                f"{t}_ms", "timer_slack_ms", passive=" ".join(PASSIVE_TYPES), payment=" ".join(PAYMENT_PREFIXES)
            ),
        )
        for t in TIMERS
    )


def _of_time() -> tuple[Feature, ...]:
    return (
        Feature("events", "events", "visit", "events folded", 1.0),
        Feature("duration_s", "s", "visit", "last - start"),
        Feature(
            "silence_s", "s", "visit", "last - active, at least 0", constants=_uses(passive=" ".join(PASSIVE_TYPES))
        ),
    )


def _of_frustration() -> tuple[Feature, ...]:
    return (
        Feature("rage_clicks", "episodes", "visit", "runs of fast clicks", constants=_uses("rage_row", "rage_span_ms")),
        Feature(
            "dead_clicks",
            "events",
            "visit",
            "clicks with interactive = false less those followed by a change of page",
            constants=_uses("dead_click_ms"),
        ),
        Feature("error_clicks", "events", "visit", "clicks before a js_error", constants=_uses("error_click_ms")),
        Feature("quick_backs", "events", "visit", "quick returns to the page before", constants=_uses("quick_back_ms")),
        Feature("reloads", "events", "visit", "page views of the current page"),
        Feature(
            "scroll_bursts",
            "windows",
            "visit",
            "newest windows whose scrolls reached a burst",
            constants=_uses("scroll_burst", "window_ms", "windows"),
        ),
        Feature("form_abandons", "events", "visit", "views of another page while inputs were open"),
        Feature("open_inputs", "0/1", "now", "inputs neither submitted, paid nor abandoned"),
    )


def _of_products() -> tuple[Feature, ...]:
    return (
        Feature("search_refinements", "events", "visit", "searches after a search without select_item or view_item"),
        Feature("product_toggles", "events", "visit", "view_items of the product before the current one"),
        Feature(
            "novel_products",
            "events",
            "visit",
            "view_items of a product not among the last novel ones",
            constants=_uses("novel_memory"),
        ),
        Feature("out_of_stock_views", "events", "visit", "view_items with in_stock = false"),
        Feature("price_last", "currency", "visit", "last price of view_items"),
        Feature("price_max", "currency", "visit", "highest price of view_items"),
        Feature("price_mean", "currency", "visit", "mean price of view_items, in float64"),
    )


def _of_the_cart() -> tuple[Feature, ...]:
    return (
        Feature("cart_items", "units", "now", "given, else added less removed; 0 after a purchase"),
        Feature("cart_value", "currency", "now", "given, else added less removed; 0 after a purchase"),
        Feature("cart_value_max", "currency", "visit", "highest cart_value before a purchase empties it"),
        Feature("shipping_cost", "currency", "now", "last given"),
        Feature(
            "shipping_share",
            "ratio",
            "now",
            "shipping_cost / cart_value, bounded, 0 where the cart has no value",
            constants=_uses("shipping_share_max"),
        ),
        Feature("scroll_max", "ratio", "visit", "highest scroll_depth"),
        Feature("dwell_s", "s", "visit", "sum of dwell_s, in float64, stored as float32"),
        Feature("orders", "orders", "visit", "purchases with another order id, or time where there is none"),
        Feature("revenue", "currency", "visit", "sum over purchases of cart_value if given, else quantity x price"),
        Feature("exit_with_cart", "events", "visit", "exit_intents while cart_items > 0"),
        Feature("checkout_inputs", "events", "visit", "inputs with page type checkout"),
        Feature("funnel", "stage 0-7", "visit", "highest stage", constants=_uses(stages=" ".join(FUNNEL))),
    )


def _of_pages() -> tuple[Feature, ...]:
    return (
        Feature("pages", "events", "visit", "page views of another page than the current one"),
        Feature("pages_per_min", "pages/min", "visit", "pages / max(duration_s / 60, 1 / 60)", 60.0),
        Feature("bounce", "0/1", "visit", "few pages and short", 1.0, constants=_uses("bounce_pages", "bounce_ms")),
        *(
            Feature(
                f"page_type.{p}",
                "0/1",
                "now",
                "1 for that of the last activity",
                constants=_uses(passive=" ".join(PASSIVE_TYPES)),
            )
            for p in PAGE_TYPES
        ),
    )


def _of_the_visitor() -> tuple[Feature, ...]:
    return (
        *(Feature(f"device.{d}", "0/1", "visit", "1 for that of the first event") for d in DEVICES),
        *(Feature(f"source.{s}", "0/1", "visit", "1 for that of the first event") for s in SOURCES),
        *(Feature(n, "0/1", "now", "last given", NEVER) for n in ("logged_in", "returning", "prior_conversion")),
        Feature("explored_today", "interventions", "now", "last given"),
    )


def _of_the_fold() -> tuple[Feature, ...]:
    return (
        Feature(
            "post_session_timers",
            "times",
            "visit",
            "timers fired at or after last + gap",
            constants=_uses("lateness_ms", *(f"{t}_ms" for t in TIMERS)),
        ),
        Feature(
            "bot",
            "0/1",
            "visit",
            "1 once a newest window holds more events than the threshold",
            constants=_uses("bot_threshold", "window_ms"),
        ),
        Feature("capped", "events", "visit", "events beyond the cap"),
        Feature("duplicates", "events", "visit", "events seen before"),
        Feature(
            "undecided",
            "events",
            "visit",
            "events that could not be told from duplicates",
            constants=_uses("tabs", "seq_window", "remembered_events"),
        ),
    )


FEATURES = features()
"""The features under the default configuration."""
FEATURE_NAMES = tuple(f.name for f in FEATURES)
