"""The sites of the load, as operators would have set them up, and what a run made of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from confluent_kafka import Consumer, TopicPartition

from bench.journeys import SITES
from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from services.publishing import Publisher
from services.site_configs import changed, default_config
from topics.settings import load_settings

ANSWER_TIMEOUT_S = 30.0
READ_AT_ONCE = 10_000
CONCLUSIONS = ("fired", "no_ops", "holdouts")
SET_UP = {"mode": "active", "opted_in": True}
"""So that decisions of every tier are taken from the first visit on; the rest is as it is by default."""


def publish_sites(bootstrap: str, prefix: str) -> None:
    """Publish a site-config for every site of the load."""
    publisher = Publisher(load_settings(broker=bootstrap, prefix=prefix), "site-config")
    now_ms = int(time.time() * 1000)
    for site_id in SITES:
        publisher.publish(changed(default_config(site_id), SET_UP, [], [], now_ms))
    publisher.flush()


class Outcome(NamedTuple):
    """What a run came to, all in records."""

    folded: int
    evaluations: int
    conclusions: int
    sampled: int
    """Evaluations recorded though nothing was concluded."""

    def __str__(self) -> str:
        shares = {name: getattr(self, name) / max(self.folded, 1) for name in ("evaluations", "conclusions", "sampled")}
        told = ", ".join(f"{share:.4f} {name}" for name, share in shares.items())
        return f"{self.folded:,} records folded; for each {told}"


def outcome(bootstrap: str, prefix: str) -> Outcome:
    """What the sums of sites and the recorded decisions, all committed, say."""
    deltas = Decoder(record_type("site-delta"), SchemaStore())
    sums = dict.fromkeys(("folded", "evaluations", *CONCLUSIONS), 0)
    for values in _read(bootstrap, f"{prefix}site-delta"):
        columns = deltas.decode(values).batch
        for name in sums:
            sums[name] += sum(columns[name].to_pylist())
    recorded = sum(len(values) for values in _read(bootstrap, f"{prefix}decision"))
    conclusions = sum(sums[name] for name in CONCLUSIONS)
    return Outcome(sums["folded"], sums["evaluations"], conclusions, recorded - conclusions)


def _read(bootstrap: str, topic: str) -> Iterator[list[Any]]:
    """The values of a topic, to where it ends now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"{topic}-outcome",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    partitions = consumer.list_topics(topic, timeout=ANSWER_TIMEOUT_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    ended: set[int] = set()
    while len(ended) < len(partitions):
        messages = consumer.consume(READ_AT_ONCE, 0.5)
        ended |= {message.partition() or 0 for message in messages if message.error() is not None}
        yield [message.value() for message in messages if message.error() is None]
    consumer.close()
