"""The verifier sees what the guarantee prevents."""

from __future__ import annotations

import random
from pathlib import Path

from tests.system.crew import Crew
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery
from tests.system.plans import deaths
from tests.system.rotation import SETTINGS, conclude, rotate
from tests.system.stream import stream_on
from tests.system.verdict import verify
from topics.settings import Guarantee

KILLS, RECORDS, LIMIT_S = 5, 60_000, 240.0


def test_without_the_guarantee_the_same_run_tells_things_twice(
    kafka: str, tmp_path: Path, nursery: Nursery, seed: int
) -> None:
    """At least once, workers that are killed lead to duplicates, and the verifier counts them."""
    settings = {**SETTINGS, "guarantee": Guarantee.AT_LEAST_ONCE}
    with stream_on(kafka, tmp_path, starting=nursery.worker, **settings) as stream:
        crew, feeding = Crew(stream, deaths(random.Random(seed))), Feeding(stream, Load(seed))
        rotate(crew, feeding, lambda: crew.faults.kills.total() >= KILLS and feeding.fed >= RECORDS, LIMIT_S)
        conclude(stream, crew, feeding)
        verdict = verify(stream.settings, whole=False)
    assert verdict.records == feeding.fed
    assert verdict.duplicated.total() > 0
    assert not verdict.right
