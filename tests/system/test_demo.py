"""The demo on a real Kafka."""

from __future__ import annotations

import json

from tests.services.running import MARK, lam, marked


def test_the_demo_runs_exactly_once_on_real_kafka(kafka: str) -> None:
    """It holds itself against its shop's truth, ends with status 0 and nothing left to read, and leaves no process."""
    told = lam("demo", "--kafka", kafka, "--duration", "10", **{MARK: "demo-on-kafka"})
    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout.splitlines()[-1])
    assert summary["dead_letters"] == summary["lag"] == 0
    assert set(summary["interventions"]) == {"PASSIVE", "NUDGE", "ACTIVE", "ESCALATE"}
    assert min(summary["rewards"], summary["tuples"]) > 0
    assert marked("demo-on-kafka") == {}
