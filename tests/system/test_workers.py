"""Workers that come, go and die change nothing of the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.demo.traffic import traffic
from services.replaying import Timed
from tests.reference.config import Config
from tests.system.stream import Stream, stream_on
from tests.system.verifier import assert_equal, expected, found

NOON = 1_760_000_400_000
MINUTES = 90
MINUTE_MS = 60_000
CONFIG = Config(clock="event")


@pytest.fixture(scope="module")
def events() -> list[Timed]:
    return list(traffic(seed=7, start_ms=NOON, end_ms=NOON + MINUTES * MINUTE_MS, visits_per_minute=40))


def assert_exact(stream: Stream) -> None:
    there, wanted = found(stream.settings), expected(stream.settings, CONFIG)
    assert wanted.live
    assert wanted.interventions
    assert_equal(there, wanted)


def test_a_late_joiner_and_a_leaver_share_the_work_exactly(kafka: str, tmp_path: Path, events: list[Timed]) -> None:
    """Two workers share the partitions, one joins late and one leaves: state and outputs equal the reference's."""
    third = len(events) // 3
    with stream_on(kafka, tmp_path) as stream:
        stream.start("first")
        stream.publish(events[:third])
        stream.until_committed(third // 2)
        stream.start("second")
        stream.publish(events[third : 2 * third])
        stream.until_read()
        stream.stop("first")
        stream.publish(events[2 * third :])
        stream.until_read()
        assert_exact(stream)


def test_a_killed_worker_comes_back_and_goes_on_exactly(kafka: str, tmp_path: Path, events: list[Timed]) -> None:
    """A worker killed in the middle of its work, twice, and restarted: state and outputs equal the reference's."""
    with stream_on(kafka, tmp_path) as stream:
        stream.publish(events)
        for share in (0.1, 0.4):
            stream.start("only", LAM_POLL_RECORDS="300")
            stream.until_committed(int(share * len(events)))
            stream.kill("only")
        stream.start("only")
        stream.until_read()
        assert_exact(stream)
