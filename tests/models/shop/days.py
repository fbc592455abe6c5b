"""Shops run for tests: from opening to the last record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from models.shop.config import MINUTE_MS, ShopConfig
from models.shop.shop import Sent, Shop

OPENS = 1_760_000_040_000
"""A full minute, ms since the epoch."""

Listener = Callable[[Shop, list[Sent]], None]


def opened(config: ShopConfig | None = None) -> Shop:
    return Shop(config or ShopConfig(), OPENS)


def run(shop: Shop, minutes: int, listen: Listener = lambda shop, sent: None, step_ms: int = MINUTE_MS) -> list[Sent]:
    """Everything until all visitors have left and all containers are retired; `listen` hears what each step brought."""
    records: list[Sent] = []

    def step(until_ms: int) -> None:
        sent = shop.advance(until_ms)
        records.extend(sent)
        listen(shop, sent)

    while shop.now_ms < OPENS + minutes * MINUTE_MS:
        step(shop.now_ms + step_ms)
    shop.close_door()
    while not shop.empty:
        step(shop.now_ms + step_ms)
    shop.retire_all()
    step(shop.now_ms + MINUTE_MS)
    return records


def events(records: Iterable[Sent]) -> list[dict[str, Any]]:
    """The session events among them."""
    return [record for _, topic, record in records if topic == "session-event"]


def by_session(records: Iterable[Sent]) -> dict[str, list[dict[str, Any]]]:
    """The session events of each session, in order of arrival."""
    sessions = defaultdict(list)
    for record in events(records):
        sessions[record["session_id"]].append(record)
    return sessions


def intervention(session: str, action: str, friction: str | None, tier: str, at_ms: int) -> dict[str, Any]:
    """The fields of an intervention that a page needs."""
    return {
        "intervention_id": f"{session}:{action}:{tier}:{at_ms}",
        "session_id": session,
        "site_id": "shop-a",
        "tier": tier,
        "action": action,
        "friction_id": friction,
        "decided_at": at_ms,
    }
