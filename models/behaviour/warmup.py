"""Compilation of the kernels ahead of the stream's cycle; the machine code is kept on disk for the next start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from models.behaviour.columns import event_columns
from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch, pass_time
from models.behaviour.kernel import settle
from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from models.behaviour.moment_matrix import moment_matrix
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

_MOMENT_MS = 1_700_000_000_000
_TEXTS = (
    *("event_id", "site_id", "tab_id", "page_id", "target", "product_id", "field", "order_id"),
    *("intervention_id", "query"),
)
_WHOLE = {"seq": pa.int64(), "quantity": pa.int32(), "cart_items": pa.int32(), "explored_today": pa.int32()}
_AMOUNTS = ("price", "cart_value", "shipping_cost", "scroll_depth", "dwell_s")
_FLAGS = ("interactive", "in_stock", "filled", "logged_in", "returning", "prior_conversion")


def compile() -> None:
    """Run every kernel once on one event, with the types of a decoded batch."""
    config = FoldConfig()
    rows = SESSION_LAYOUT.blank.copy()
    first = np.zeros(1, np.int64)
    moment = np.array([_MOMENT_MS])
    events = event_columns(_one_event(), moment, moment, moment)
    Batch(first, events).fold(rows, config)
    feature_matrix(rows)
    moment_matrix(rows, first, moment)
    settle(rows.view(KERNEL_DTYPE), first, config.limits)
    pass_time(rows, first, _MOMENT_MS, config)


def _one_event() -> pa.RecordBatch:
    columns: dict[str, Any] = {name: pa.array(["x"]) for name in _TEXTS}
    columns |= {name: pa.array([1], kind) for name, kind in _WHOLE.items()}
    columns |= {name: pa.array([1.0]) for name in _AMOUNTS}
    columns |= {name: pa.array([True]) for name in _FLAGS}
    columns |= {name: pa.array([_MOMENT_MS]) for name in ("occurred_at", "sent_at", "received_at")}
    columns |= {"type": pa.array(EVENT_TYPES[:1]), "page_type": pa.array(PAGE_TYPES[:1])}
    columns |= {"device": pa.array(DEVICES[:1]), "source": pa.array(SOURCES[:1])}
    columns["containers"] = pa.array([["x"]])
    columns["consent"] = pa.array([{"analytics": True, "personalization": True}])
    return pa.RecordBatch.from_pydict(columns)
