"""The OTTO sessions as the session events a replay of them would publish."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.reference.symbols import Event

TYPES = {
    "clicks": ("view_item", "product"),
    "carts": ("add_to_cart", "product"),
    "orders": ("purchase", "checkout"),
}
"""Event type and page type by OTTO's name for what happened."""


def sessions_file() -> Path:
    """Where the sessions lie: under `LAM_DATA`, or under `shared/data` beside the checkout."""
    checkout = Path(__file__).parents[2]
    folder = os.environ.get("LAM_DATA") or checkout.parent / "shared" / "data"
    return Path(folder) / "otto" / "sessions.jsonl"


def read_events(path: Path) -> list[Event]:
    """All events of a sessions file, in the order of time, session and index."""
    keyed = []
    with path.open() as lines:
        for line in lines:
            session = json.loads(line)
            for index, happened in enumerate(session["events"]):
                key = (happened["ts"], session["session"], index)
                keyed.append((key, session_event(*key, happened["type"], happened["aid"])))
    return [event for _, event in sorted(keyed, key=lambda pair: pair[0])]


def session_event(ts: int, session: int, index: int, otto_type: str, aid: int) -> Event:
    """One event; `ts` in ms since the epoch, `index` within its session, `aid` the article."""
    kind, page_type = TYPES[otto_type]
    return {
        "event_id": f"{session}-{index}",
        "site_id": "otto",
        "session_id": str(session),
        "visitor_id": None,
        "tab_id": None,
        "seq": index,
        "type": kind,
        "name": None,
        "page_type": page_type,
        "page_id": f"/{page_type}/{aid}",
        "containers": [],
        "occurred_at": ts,
        "sent_at": ts,
        "received_at": ts,
        "device": "desktop",
        "source": "direct",
        "consent": {"analytics": True, "personalization": True},
        "target": None,
        "interactive": None,
        "product_id": str(aid),
        "price": None,
        "in_stock": None,
        "quantity": None,
        "cart_value": None,
        "cart_items": None,
        "shipping_cost": None,
        "scroll_depth": None,
        "dwell_s": None,
        "query": None,
        "field": None,
        "filled": None,
        "error_code": None,
        "intervention_id": None,
        "order_id": None,
        "logged_in": None,
        "returning": None,
        "prior_conversion": None,
        "explored_today": None,
        "attributes": {},
    }
