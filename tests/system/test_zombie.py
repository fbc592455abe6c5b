"""A worker that sleeps while its partitions move, and wakes in the middle of a commit."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.system.crew import Crew
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery, NurseryWorker
from tests.system.rotation import SETTINGS, conclude
from tests.system.stream import stream_on
from tests.system.tally import Tally
from tests.system.verdict import verify
from topics.faults import Point

SLOTS = 12_000
POLLED = 1_500
ASLEEP_AT = (Point.CHANGELOG, Point.PRODUCE, Point.OFFSETS, Point.COMMIT)
SHORT_ASLEEP_AT = (Point.COMMIT,)
REFUSED = ("the span's transaction failed", "partitions away without asking")
"""How a worker's log says that the broker told it so."""
LIMIT_S = 60.0
LOOK_S = 0.1


def test_a_zombie_writes_nothing_that_a_committed_reader_sees(
    kafka: str, tmp_path: Path, nursery: Nursery, tally: Tally, short: bool, seed: int
) -> None:
    """Frozen at each point of a commit until another has its partitions, it wakes, is refused, and changes nothing."""
    settings = {**SETTINGS, "poll_records": POLLED}
    with stream_on(kafka, tmp_path, starting=nursery.worker, **settings) as stream:
        crew, feeding = Crew(stream), Feeding(stream, Load(seed, SLOTS))
        feeding.begin()
        for point in SHORT_ASLEEP_AT if short else ASLEEP_AT:
            feeding.keep_ahead()
            zombie = stream.start(f"zombie-{point.value}", LAM_FAULTS=f"{point.value}:stop:2")
            assert isinstance(zombie, NurseryWorker)
            _until(zombie.frozen)
            stream.start("heir")
            stream.until_read()
            zombie.signal(signal.SIGCONT)
            _until(lambda: any(word in zombie.log.read_text(errors="replace") for word in REFUSED))  # noqa: B023
            stream.kill("heir")
            stream.kill(f"zombie-{point.value}")
        conclude(stream, crew, feeding)
        verdict = verify(stream.settings, whole=True)
    tally.add(crew.faults, verdict)
    assert verdict.records == feeding.fed
    assert verdict.right, verdict


def _until(holds: object) -> None:
    deadline = time.monotonic() + LIMIT_S
    assert callable(holds)
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(LOOK_S)
