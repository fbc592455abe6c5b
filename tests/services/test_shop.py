"""The shop's process: all that happens is published once, with watermarks, and the truth is written down."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Producer

from models.shop.config import ShopConfig
from services.cli.shop import shop as command
from services.publishing import CLOSE_ALL_MS, Publisher
from services.shop import CONTAINERS, INPUTS, TOTALS, VISITS, Ears, Plan, run
from tests.kafka import unique
from tests.models.shop.days import OPENS
from topics.clients import reader
from topics.consuming import Record, everywhere, header, take
from topics.embedded import PARTITIONS, make_topics
from topics.errors import ConfigurationError
from topics.settings import Clock, Guarantee, Settings, load_settings
from topics.watermark import WATERMARK_HEADER

ANSWER_S = 30.0


def settings_of(bootstrap: str) -> Settings:
    settings = load_settings(
        broker=bootstrap,
        prefix=unique("shop") + "-",
        guarantee=Guarantee.AT_LEAST_ONCE,
        clock=Clock.EVENT,
        partitions=PARTITIONS,
    )
    make_topics(settings)
    return settings


def read(settings: Settings, topic: str) -> list[Record]:
    """Every record of a topic on the embedded broker."""
    client = reader(settings)
    try:
        client.assign(everywhere(client, settings.prefix + topic, OFFSET_BEGINNING, ANSWER_S))
        records: list[Record] = []
        ends: set[tuple[str, int]] = set()
        deadline = time.monotonic() + ANSWER_S
        while len(ends) < PARTITIONS and time.monotonic() < deadline:
            arrived = take(client, 10_000, 0.2)
            records += arrived.records
            ends |= arrived.ends.keys()
        return records
    finally:
        client.close()


def test_all_that_happens_is_published_and_written_down(embedded: str, tmp_path: Path) -> None:
    """Topics hold what the truth counts; every partition of every input is told the time, at last that all is over."""
    settings = settings_of(embedded)
    plan = Plan(seconds=0.5, speed=1_200, shop=ShopConfig(visits_per_minute=20), start_ms=OPENS, folder=tmp_path)
    summary = run(plan, settings)
    truth = json.loads((tmp_path / TOTALS).read_text())
    for topic in INPUTS:
        records = read(settings, topic)
        values = [record for record in records if record.value() is not None]
        marks = [(r.partition(), int(header(r, WATERMARK_HEADER) or 0)) for r in records if r.value() is None]
        assert len(values) == summary["sent"][topic] > 0
        assert Counter(number for number, at in marks if at == summary["end_ms"] + CLOSE_ALL_MS) == dict.fromkeys(
            range(PARTITIONS), 1
        )
        minutes = {at for number, at in marks if number == 0}
        assert set(range(OPENS + 60_000, OPENS + 600_001, 60_000)) <= minutes
    assert summary["sent"]["session-event"] == sum(site["session_events"] for site in truth["sites"].values())
    assert summary["sent"]["tombstone"] == truth["containers"]["tombstones"]
    assert summary["sent"]["site-config"] == len(read(settings, "site-config")) == 3
    visits = (tmp_path / VISITS).read_text().splitlines()
    assert len(visits) == sum(truth["intents"].values())
    assert len((tmp_path / CONTAINERS).read_text().splitlines()) > 0 == truth["containers"]["alive"]


def test_the_same_seed_publishes_the_same_events(embedded: str, tmp_path: Path) -> None:
    """Whatever the pace, when nothing is heard."""
    totals = []
    for speed in (600.0, 1_500.0):
        folder = tmp_path / str(speed)
        plan = Plan(300 / speed, speed, ShopConfig(visits_per_minute=10), OPENS, folder)
        run(plan, settings_of(embedded))
        totals.append(json.loads((folder / TOTALS).read_text())["session_events"])
    assert totals[0] == totals[1]


def intervention(number: int, site: str) -> dict[str, Any]:
    signals = dict.fromkeys(("composite", "intent", "friction", "clarity", "receptivity", "value"), 50.0)
    return {
        "intervention_id": f"i-{number}",
        "site_id": site,
        "session_id": f"s-{number}",
        "visit_started_at": OPENS,
        "decided_at": OPENS,
        "tier": "NUDGE",
        "trigger": "timer",
        **signals,
    }


def test_the_shop_hears_what_comes_for_its_sites_from_now_on(embedded: str) -> None:
    """Neither what was said before, nor what is meant for others; what is no intervention does no harm."""
    settings = settings_of(embedded)
    publisher = Publisher(settings, "intervention")
    publisher.publish(intervention(0, "shop-a"))
    publisher.flush()
    ears = Ears(settings, {"shop-a"})
    try:
        stranger = Producer({"bootstrap.servers": embedded})
        stranger.produce(settings.prefix + "intervention", b"no record", "s-9")
        assert stranger.flush(ANSWER_S) == 0
        for number, site in ((1, "shop-a"), (2, "elsewhere"), (3, "shop-a")):
            publisher.publish(intervention(number, site))
        publisher.flush()
        heard: list[dict[str, Any]] = []
        deadline = time.monotonic() + ANSWER_S
        while len(heard) < 2 and time.monotonic() < deadline:
            heard += ears.heard()
        assert sorted(one["intervention_id"] for one in heard) == ["i-1", "i-3"]
    finally:
        ears.close()


@pytest.mark.parametrize(
    "wrong", [{"duration": 0.0}, {"speed": -1.0}, {"rate": 0.0}, {"rate": float("nan")}, {"seed": -1}]
)
def test_a_shop_that_cannot_be_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """With what was found and what was expected, before anything is sent."""
    with pytest.raises(ConfigurationError, match=r"--(duration|rate)"):
        command(tmp_path, **wrong)
