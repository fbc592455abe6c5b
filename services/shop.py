"""The simulated shop as a process: publishes what happens in it, in step with the clock, and hears interventions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from confluent_kafka import OFFSET_END, TopicPartition

from models.shop.config import ShopConfig
from models.shop.shop import Shop
from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from services.publishing import CLOSE_ALL_MS, MINUTE_MS, Publisher
from topics.clients import admin_client, reader
from topics.consuming import everywhere, take
from topics.log_end import end_offsets
from topics.settings import Settings

TICK_S = 0.02
"""How often, in real time, the shop publishes and listens."""
FINISH_SPEEDUP = 4.0
"""How much faster event time passes once the door is closed."""
HEARD_AT_ONCE = 1_000
INPUTS = ("session-event", "mutation", "tombstone")
"""The topics that workers read by event time, and so need watermarks."""
TOTALS, VISITS, CONTAINERS = "truth.json", "truth-visits.jsonl", "truth-containers.jsonl"


@dataclass(frozen=True)
class Plan:
    """`seconds` of real time at `speed` times the clock, then the time the last visitors take; truth goes to `folder`.

    `start_ms`: event time of the opening, ms since the epoch.
    """

    seconds: float
    speed: float
    shop: ShopConfig
    start_ms: int
    folder: Path


def run(plan: Plan, settings: Settings) -> dict[str, Any]:
    """Open the shop, keep it open as long as planned, let everybody leave, retire all containers, and close.

    Returns what was sent, as JSON. Raises NotDelivered where the broker did not take it.
    """
    shop = Shop(plan.shop, plan.start_ms)
    with _listening(settings, {site.site_id for site in plan.shop.sites}) as ears, _truth_files(plan.folder) as truth:
        outlets = _Outlets(settings)
        outlets.publish("site-config", shop.site_configs())
        open_ms = plan.start_ms + int(plan.seconds * plan.speed * 1000)
        for now_ms in _pace(plan.start_ms, open_ms, plan.speed):
            _pass(shop, now_ms, outlets, ears, truth)
        shop.close_door()
        longest_ms = open_ms + 2 * plan.shop.longest_visit_ms
        for now_ms in _pace(open_ms, longest_ms, plan.speed * FINISH_SPEEDUP):
            _pass(shop, now_ms, outlets, ears, truth)
            if shop.empty:
                break
        shop.retire_all()
        _pass(shop, shop.now_ms + MINUTE_MS, outlets, ears, truth)
        outlets.watermark(shop.now_ms + CLOSE_ALL_MS)
        outlets.flush()
    totals = shop.totals()
    (plan.folder / TOTALS).write_text(json.dumps(totals, indent=1) + "\n", encoding="utf-8")
    return {
        "sent": outlets.sent,
        "interventions": totals["interventions"],
        "start_ms": plan.start_ms,
        "end_ms": shop.now_ms,
        "truth": str(plan.folder),
    }


class Ears:
    """Interventions of our sites, read from where their topic ended when this was made; committed ones only."""

    def __init__(self, settings: Settings, sites: Iterable[str]) -> None:
        self._sites = frozenset(sites)
        self._decoder = Decoder(record_type("intervention"), SchemaStore(), unknown="dlq")
        self._client = reader(settings)
        topic, timeout_s = settings.prefix + "intervention", settings.request_timeout_s
        partitions = everywhere(self._client, topic, OFFSET_END, timeout_s)
        # An offset "at the end" would be looked up at the first fetch, when there may be more.
        ends = end_offsets(admin_client(settings), partitions, timeout_s)
        self._client.assign([TopicPartition(name, number, ends[(name, number)]) for name, number in ends])

    def heard(self) -> list[dict[str, Any]]:
        """What has come since this was last asked; what cannot be read is none of the shop's business."""
        values = [record.value() for record in take(self._client, HEARD_AT_ONCE, 0).records]
        if not values:
            return []
        records: list[dict[str, Any]] = self._decoder.decode(values).batch.to_pylist()
        return [record for record in records if record["site_id"] in self._sites]

    def close(self) -> None:
        """Leave the broker."""
        self._client.close()


@contextmanager
def _listening(settings: Settings, sites: Iterable[str]) -> Iterator[Ears]:
    ears = Ears(settings, sites)
    try:
        yield ears
    finally:
        ears.close()


class _Outlets:
    """Where the shop hands its records over."""

    def __init__(self, settings: Settings) -> None:
        self._publishers = {topic: Publisher(settings, topic) for topic in ("site-config", *INPUTS)}

    @property
    def sent(self) -> dict[str, int]:
        """Records handed over, by topic."""
        return {topic: publisher.sent for topic, publisher in self._publishers.items()}

    def publish(self, topic: str, records: Iterable[dict[str, Any]]) -> None:
        """Publish records of one topic and wait until they are there: for what must be first."""
        for record in records:
            self._publishers[topic].publish(record)
        self._publishers[topic].flush()

    def send(self, topic: str, record: dict[str, Any]) -> None:
        """Publish one record."""
        self._publishers[topic].publish(record)

    def watermark(self, at_ms: int) -> None:
        """Tell every partition of every input that event time has reached `at_ms`."""
        for topic in INPUTS:
            self._publishers[topic].watermark(at_ms)

    def flush(self) -> None:
        """Wait until all is acknowledged."""
        for publisher in self._publishers.values():
            publisher.flush()


class _TruthFiles:
    """Visits and containers, a line each as they end."""

    def __init__(self, visits: TextIO, containers: TextIO) -> None:
        self._files = visits, containers

    def write(self, shop: Shop) -> None:
        """What ended since this was last called."""
        for file, lines in zip(self._files, shop.truth.drain(), strict=True):
            file.writelines(json.dumps(line) + "\n" for line in lines)


@contextmanager
def _truth_files(folder: Path) -> Iterator[_TruthFiles]:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / VISITS).open("w", encoding="utf-8") as visits,
        (folder / CONTAINERS).open("w", encoding="utf-8") as containers,
    ):
        yield _TruthFiles(visits, containers)


def _pace(from_ms: int, to_ms: int, speed: float) -> Iterator[int]:
    """Event times from `from_ms` to `to_ms`, in step with the clock; the last is `to_ms`."""
    began = time.monotonic()
    now_ms = from_ms
    while now_ms < to_ms:
        time.sleep(TICK_S)
        now_ms = min(to_ms, from_ms + int((time.monotonic() - began) * speed * 1000))
        yield now_ms


def _pass(shop: Shop, until_ms: int, outlets: _Outlets, ears: Ears, truth: _TruthFiles) -> None:
    """Let event time pass: publish what arrives, with a watermark at each full minute, and hear what has come."""
    for intervention in ears.heard():
        shop.hear(intervention, shop.now_ms)
    while shop.now_ms < until_ms:
        minute_ms = (shop.now_ms // MINUTE_MS + 1) * MINUTE_MS
        step_ms = min(minute_ms, until_ms)
        for _, topic, record in shop.advance(step_ms):
            outlets.send(topic, record)
        if step_ms == minute_ms:
            outlets.watermark(minute_ms)
    truth.write(shop)
