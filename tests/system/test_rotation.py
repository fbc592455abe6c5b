"""Workers that are killed at every point they pass change nothing of the result."""

from __future__ import annotations

import random
from pathlib import Path

from tests.system.crew import Crew, Faults
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery
from tests.system.plans import DEADLY, mixed
from tests.system.rotation import SETTINGS, conclude, rotate
from tests.system.stream import stream_on
from tests.system.tally import LEAST, Tally
from tests.system.verdict import verify

KILLS, RECORDS, LIMIT_S = 64, 800_000, 540.0
ACTIONS = {"raise", "fail", "stop"}


def test_killed_at_every_point_everything_takes_effect_once(
    kafka: str, tmp_path: Path, nursery: Nursery, tally: Tally, short: bool, seed: int
) -> None:
    """800,000 events go through two workers that are killed, frozen and failed over and over: every intervention,
    reward, posterior, tuple and live visit is what the input asks for, nothing missing and nothing twice."""
    kills, points, records = LEAST["cut"] if short else (KILLS, len(DEADLY), RECORDS)
    with stream_on(kafka, tmp_path, starting=nursery.worker, **SETTINGS) as stream:
        faults = Faults()
        crew = Crew(stream, mixed(random.Random(seed), died_at=lambda: faults.points), faults)
        feeding = Feeding(stream, Load(seed))

        def enough() -> bool:
            tried = faults.kills.total() >= kills and len(faults.points) >= points and feeding.fed >= records
            return tried and (short or faults.actions == ACTIONS)

        rotate(crew, feeding, enough, LIMIT_S)
        conclude(stream, crew, feeding)
        print(crew.faults.kills, crew.faults.others, f"longest pause {feeding.progress.longest_pause_s:.1f} s")
        verdict = verify(stream.settings, whole=True)
    tally.add(crew.faults, verdict)
    assert verdict.records == feeding.fed
    assert verdict.right, verdict
