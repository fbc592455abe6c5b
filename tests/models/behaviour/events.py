"""Session events for tests: as dicts of the schema's fields, and as the record batch that decoding makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.behaviour.columns import EventColumns, event_columns
from schemas.clocks import record_times
from topics.watermark import BEFORE_ALL, running_watermarks

Int64s = npt.NDArray[np.int64]

START = 1_700_000_000_000
"""An event time to begin with, ms since the epoch; the beginning of a 10 s window."""

CONSENT = {"analytics": True, "personalization": True}
NO_PERSONALIZATION = {"analytics": True, "personalization": False}
NO_CONSENT = {"analytics": False, "personalization": False}

_TEXT = pa.string()
EVENT_SCHEMA = pa.schema(
    [
        pa.field("event_id", _TEXT, nullable=False),
        pa.field("site_id", _TEXT, nullable=False),
        pa.field("session_id", _TEXT, nullable=False),
        pa.field("visitor_id", _TEXT),
        pa.field("tab_id", _TEXT),
        pa.field("seq", pa.int64()),
        pa.field("type", _TEXT, nullable=False),
        pa.field("name", _TEXT),
        pa.field("page_type", _TEXT, nullable=False),
        pa.field("page_id", _TEXT, nullable=False),
        pa.field("containers", pa.list_(_TEXT), nullable=False),
        pa.field("occurred_at", pa.int64(), nullable=False),
        pa.field("sent_at", pa.int64(), nullable=False),
        pa.field("received_at", pa.int64()),
        pa.field("device", _TEXT, nullable=False),
        pa.field("source", _TEXT, nullable=False),
        pa.field(
            "consent",
            pa.struct([pa.field(name, pa.bool_(), nullable=False) for name in ("analytics", "personalization")]),
            nullable=False,
        ),
        pa.field("target", _TEXT),
        pa.field("interactive", pa.bool_()),
        pa.field("product_id", _TEXT),
        pa.field("price", pa.float64()),
        pa.field("in_stock", pa.bool_()),
        pa.field("quantity", pa.int32()),
        pa.field("cart_value", pa.float64()),
        pa.field("cart_items", pa.int32()),
        pa.field("shipping_cost", pa.float64()),
        pa.field("scroll_depth", pa.float64()),
        pa.field("dwell_s", pa.float64()),
        pa.field("query", _TEXT),
        pa.field("field", _TEXT),
        pa.field("filled", pa.bool_()),
        pa.field("error_code", _TEXT),
        pa.field("intervention_id", _TEXT),
        pa.field("order_id", _TEXT),
        pa.field("logged_in", pa.bool_()),
        pa.field("returning", pa.bool_()),
        pa.field("prior_conversion", pa.bool_()),
        pa.field("explored_today", pa.int32()),
        pa.field("attributes", pa.map_(_TEXT, _TEXT), nullable=False),
    ]
)
"""The columns of a decoded session event."""

_made = 0


def event(**overrides: Any) -> dict[str, Any]:
    """One event: a ping at START of the session "s", without a seq and with an id of its own; `at_s` moves its clocks.

    `at_s` is in seconds after START and sets the three clocks alike; any field may be given instead.
    """
    global _made
    _made += 1
    at = START + round(overrides.pop("at_s", 0) * 1_000)
    plain = {
        "event_id": f"event-{_made}",
        "site_id": "site",
        "session_id": "s",
        "type": "page_ping",
        "page_type": "landing",
        "page_id": "home",
        "containers": [],
        "occurred_at": at,
        "sent_at": at,
        "received_at": at,
        "device": "desktop",
        "source": "direct",
        "consent": CONSENT,
        "attributes": {},
    }
    unknown = overrides.keys() - set(EVENT_SCHEMA.names)
    assert not unknown, f"no such field: {unknown}"
    return dict.fromkeys(EVENT_SCHEMA.names) | plain | overrides


def to_columns(
    batch: pa.RecordBatch, stamps: Int64s, watermark: int = BEFORE_ALL, *, replay: bool = False
) -> EventColumns:
    """A batch as the kernels take it; `stamps` are its Kafka timestamps, `watermark` the partition's before it."""
    times = record_times(batch, stamps, replay=replay)
    return event_columns(batch, *times, running_watermarks(*times, watermark))


def to_batch(events: list[dict[str, Any]]) -> pa.RecordBatch:
    """The events as the record batch that decoding makes of them."""
    rows = [e | {"attributes": list(e["attributes"].items())} for e in events]
    return pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)
