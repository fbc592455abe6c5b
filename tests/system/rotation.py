"""The rotation: a load goes through workers that die by plans until it is enough."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.system.crew import Crew
from tests.system.feeding import Feeding
from tests.system.load import POLLED
from tests.system.stream import Stream
from topics.settings import Posteriors

SETTINGS: dict[str, Any] = {
    "posteriors": Posteriors.FROZEN,
    "poll_records": POLLED,
    "session_timeout_s": 4,
    "transaction_timeout_s": 3,
}
"""Of a stream whose results do not depend on batches, and that notices a death soon."""
RATE = 6_000.0
"""Session events a second: what two workers read beside their restarts."""
LOOK_S = 0.05
TELL_S = 10.0


def rotate(crew: Crew, feeding: Feeding, enough: Callable[[], bool], limit_s: float, residents: int = 2) -> None:
    """Feed and let die until it is `enough`, at a pace that leaves many short spans to die in.

    Raises ProcessFailed for a worker that ended otherwise than planned, AssertionError after `limit_s`.
    """
    began = told = time.monotonic()
    feeding.begin()
    crew.begin(residents)
    while not enough():
        assert time.monotonic() - began < limit_s, f"not enough in {limit_s:g} s: {crew.faults}, {feeding.fed} records"
        feeding.keep_pace(RATE)
        crew.look()
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            print(f"{crew.faults}, {feeding.fed:,} records fed, {feeding.progress.committed:,} committed", flush=True)
        time.sleep(LOOK_S)


def conclude(stream: Stream, crew: Crew, feeding: Feeding, workers: int = 2) -> None:
    """End everyone, and let workers without faults read all that is left."""
    crew.end()
    for number in range(workers):
        stream.start(f"resident-{number}")
    feeding.finish()
    feeding.close()
