"""Session events for tests of the engine: valid, small, and countable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import Producer

from schemas.encoder import Encoder
from schemas.record_type import record_type

NOON = 1_760_000_000_000
ONE_BATCH_MS = 1_000
"""What is published at once is one batch of each partition, however slow the machine; a flush does not wait so long."""
CLIENT = {"partitioner": "murmur2_random", "linger.ms": ONE_BATCH_MS, "message.max.bytes": 4_000_000}
ENCODER = Encoder(record_type("session-event"))


def event(number: int, session: str = "s-0", **fields: Any) -> dict[str, Any]:
    """The `number`-th event, one millisecond after the one before."""
    at = NOON + number
    return {
        "event_id": f"e-{number}",
        "site_id": "shop",
        "session_id": session,
        "type": "click",
        "page_type": "product",
        "page_id": "/p",
        "containers": [],
        "occurred_at": at,
        "sent_at": at,
        "received_at": at,
        "device": "mobile",
        "source": "paid",
        "consent": {"analytics": True, "personalization": True},
        "attributes": {},
        **fields,
    }


def publish(bootstrap: str, topic: str, events: Iterable[dict[str, Any]]) -> int:
    """Publish events as any producer would; returns how many."""
    return publish_raw(bootstrap, topic, ((one["session_id"].encode(), ENCODER.encode(one)) for one in events))


def publish_raw(bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> int:
    """Publish keys and values as they are; returns how many."""
    producer = Producer({"bootstrap.servers": bootstrap, **CLIENT})
    count = 0
    for key, value in records:
        producer.produce(topic, value, key)
        count += 1
    assert producer.flush(30) == 0
    return count
