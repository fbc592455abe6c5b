"""Real sessions through real Kafka."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.reference.config import Config
from tests.system.ledger import assert_consistent, read_ledger
from tests.system.outcome import assert_equal, found
from tests.system.refolded import refold
from tests.system.stream import stream_on


def test_the_otto_sessions_give_their_known_figures(kafka: str, data: Path, tmp_path: Path) -> None:
    """Replayed by `lam replay`: 144 visits, 10 order lines at 5 order times, every decision rewarded and replayed; and
    nothing above NUDGE, since no operator allowed it."""
    file = data / "otto" / "sessions.jsonl"
    with stream_on(kafka, tmp_path) as stream:
        settings = stream.settings
        stream.start("only")
        environment = {**os.environ, "LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix}
        command = [sys.executable, "-m", "services.cli", "replay", str(file), "--format", "otto"]
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
        stream.until_read()
        there, wanted, ledger = found(settings), refold(settings, Config(clock="event")), read_ledger(settings)
    assert_equal(there, wanted.outcome)
    assert there.live == {}
    assert {name: there.sums["otto"][name] for name in ("visits", "order_lines", "orders", "folded")} == {
        "visits": 144,
        "order_lines": 10,
        "orders": 5,
        "folded": 862,
    }
    assert_consistent(ledger, wanted)
    assert len(ledger.rewards) == len(ledger.decisions) > 100
    assert {one["tier"] for one in ledger.interventions} == {"PASSIVE", "NUDGE"}
