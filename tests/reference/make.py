"""Session events and visits for hand-worked examples."""

from __future__ import annotations

from itertools import count
from typing import Any

from tests.reference.config import Config
from tests.reference.fold import Counts, PartitionFold
from tests.reference.symbols import Event
from tests.reference.visit import Visit

T0 = 1_700_000_000_000
"""Where the examples begin, in ms: also where a 10 s window begins."""

_ids = count()


def at(seconds: float) -> int:
    """The time so many seconds into an example, in ms since the epoch."""
    return T0 + round(seconds * 1_000)


def event(kind: str, seconds: float = 0.0, **fields: Any) -> Event:
    """An event that happened, was sent and arrived at that second of the example; fields replace the defaults."""
    when = at(seconds)
    return {
        "event_id": f"e{next(_ids)}",
        "site_id": "shop",
        "session_id": "s",
        "type": kind,
        "page_type": "landing",
        "page_id": "/",
        "containers": [],
        "occurred_at": when,
        "sent_at": when,
        "received_at": when,
        "device": "desktop",
        "source": "direct",
        "consent": {"analytics": True, "personalization": True},
        "attributes": {},
    } | fields


def fold(*events: Event, config: Config | None = None) -> PartitionFold:
    """The partition after these events, in this order."""
    partition = PartitionFold(config)
    record_all(partition, *events)
    return partition


def record_all(partition: PartitionFold, *events: Event) -> None:
    """Record these events, each with its sending time as Kafka's timestamp."""
    for one in events:
        partition.record(one, one["sent_at"])


def pass_time(partition: PartitionFold, seconds: float) -> None:
    """An empty batch with the watermark at that second of the example."""
    partition.advance(at(seconds))
    partition.end_of_batch()


def visit_after(*events: Event, config: Config | None = None) -> Visit:
    """The live visit of session `s` after these events."""
    return fold(*events, config=config).live["s"]


def features(*events: Event, config: Config | None = None) -> dict[str, float]:
    """The features of that visit."""
    return visit_after(*events, config=config).features()


def counts(partition: PartitionFold, site_id: str = "shop") -> Counts:
    """What was counted for a site."""
    return partition.counts.get(site_id, Counts())


def fired(partition: PartitionFold) -> list[tuple[str, float]]:
    """Name and deadline (in seconds of the example) of the timers fired, in order."""
    return [(timer.name, (timer.deadline - T0) / 1_000) for timer in partition.timers]
