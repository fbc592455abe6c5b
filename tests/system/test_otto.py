"""Real sessions through real Kafka."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.reference.config import Config
from tests.reference.fold import PartitionFold
from tests.reference.otto import read_events
from tests.system.stream import stream_on
from tests.system.verifier import assert_equal, expected, found


def test_the_otto_sessions_give_their_known_figures(kafka: str, data: Path, tmp_path: Path) -> None:
    """Replayed by `lam replay`: 144 visits, 10 order lines at 5 order times, and the reference's interventions."""
    file = data / "otto" / "sessions.jsonl"
    with stream_on(kafka, tmp_path) as stream:
        settings = stream.settings
        stream.start("only")
        environment = {**os.environ, "LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix}
        command = [sys.executable, "-m", "services.cli", "replay", str(file), "--format", "otto"]
        subprocess.run(command, check=True, env=environment, stdin=subprocess.DEVNULL)
        stream.until_read()
        there, wanted = found(settings), expected(settings, Config(clock="event"))
        assert_equal(there, wanted)
    assert there.live == {}
    assert {name: there.sums["otto"][name] for name in ("visits", "order_lines", "orders", "folded")} == {
        "visits": 144,
        "order_lines": 10,
        "orders": 5,
        "folded": 862,
    }
    alone = PartitionFold(Config(clock="event"))
    for event in read_events(file):
        alone.record(event, event["received_at"])
    alone.advance(alone.watermark + 25 * 3_600_000 if alone.watermark else 0)
    alone.end_of_batch()
    tiers = Counter(one["tier"] for one in there.interventions.values())
    assert tiers == Counter(one["tier"] for one in alone.interventions)
    assert sorted(there.interventions) == sorted(one["intervention_id"] for one in alone.interventions)
