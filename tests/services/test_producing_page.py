"""The programs of docs/producing.md, as they stand on the page, against a real Kafka."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from schemas.codec import Decoder
from schemas.encoder import Encoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.kafka import Broker
from tests.system.stream import stream_on
from tests.topics.engine import engine_settings
from topics.clients import producer
from topics.following import follow
from topics.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "producing.md"
LIMIT_S = 120
ENCODER = Encoder(record_type("intervention"))
EXAMPLE: dict[str, Any] = {
    "site_id": "shop",
    "session_id": "s-0",
    "visit_started_at": 1,
    "decided_at": 2,
    "tier": "NUDGE",
    "trigger": "event",
    **dict.fromkeys(("composite", "intent", "friction", "clarity", "receptivity", "value"), 0.5),
}
PRODUCER, CONSUMER = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run(settings: Settings, program: str, record: str, *arguments: str) -> str:
    """What a program of the page prints."""
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT / "schemas" / "avsc" / f"{record}.avsc"), *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        env={**os.environ, "LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def committed(settings: Settings, topic: str) -> list[dict[str, Any]]:
    decoder = Decoder(record_type(topic), SchemaStore())
    found: list[dict[str, Any]] = []
    for records in follow(settings, settings.prefix + topic, "beginning", until_end=True):
        found += decoder.decode([record.value() for record in records]).batch.to_pylist()
    return found


def test_what_the_producer_sends_is_folded(kafka: str, tmp_path: Path) -> None:
    """A worker takes all three events, of one visit, and diverts none."""
    with stream_on(kafka, tmp_path) as stream:
        stream.start("worker-0")
        run(stream.settings, PRODUCER, "session-event")
        stream.until_committed(3)
        stream.until_read()
        assert sum(delta["folded"] for delta in committed(stream.settings, "site-delta")) == 3
        assert {delta["site_id"] for delta in committed(stream.settings, "site-delta")} == {"my-shop"}
        name = stream.settings.prefix + "session-event.dlq"
        assert [one for some in follow(stream.settings, name, "beginning", until_end=True) for one in some] == []


def test_the_consumer_sees_committed_interventions_alone(kafka: str) -> None:
    """One that was taken back is not shown, though it lies before."""
    settings = engine_settings(Broker(kafka, transactional=True))
    client = producer(settings, transactional_id=settings.prefix + "t")
    client.init_transactions(LIMIT_S)
    for intervention, end in (("taken-back", client.abort_transaction), ("kept", client.commit_transaction)):
        client.begin_transaction()
        value = ENCODER.encode({**EXAMPLE, "intervention_id": intervention})
        client.produce(settings.prefix + "intervention", value, EXAMPLE["session_id"])
        client.flush(LIMIT_S)
        end(LIMIT_S)
    shown = json.loads(run(settings, CONSUMER, "intervention", "1"))
    assert shown["intervention_id"] == "kept"
