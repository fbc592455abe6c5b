"""Arrival and event time of a record (docs/fold.md, section 1)."""

from __future__ import annotations

from typing import Literal

from tests.reference.symbols import Event

FARTHEST_AHEAD_MS = 23 * 3_600_000


def arrival(event: Event, timestamp: int, clock: Literal["wall", "event"]) -> int:
    """When the record arrived, in ms; `timestamp` is Kafka's."""
    received: int | None = event.get("received_at")
    if received is not None:
        return received
    sent: int = event["sent_at"]
    return timestamp if clock == "wall" else sent


def event_time(event: Event, arrived: int) -> int:
    """When it happened, in ms, corrected by the skew of the client's clock."""
    t: int = event["occurred_at"] + (arrived - event["sent_at"])
    return arrived if t - arrived > FARTHEST_AHEAD_MS else t
