"""What training is given: visits of the simulated shop, and the name of the code."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import models
from models.behaviour.config import HOUR_MS, MINUTE_MS
from models.training.visits import Visit, visits_of
from services.demo.traffic import traffic

START_MS = 1_700_000_000_000
"""When the simulated day begins, ms since the epoch."""
ARRIVALS_MS = 24 * HOUR_MS
ENDINGS_MS = 3 * HOUR_MS
"""After the day, for its visits to end: none is cut short."""
_DIGEST_CHARACTERS = 12
CONSENTING = 0.9
"""Less than the share of visits that consent to be scored."""
SPREAD = 5.0
"""Standard deviations of the number that arrive in a day, by which more are made than asked for."""


def simulated_visits(number: int, seed: int) -> Iterator[Visit]:
    """Visits of a simulated day, at most `number`, of those that consent; the same arguments give the same visits."""
    made = (number + SPREAD * math.sqrt(number)) / CONSENTING
    per_minute = made / (ARRIVALS_MS / MINUTE_MS)
    timed = traffic(seed, START_MS, START_MS + ARRIVALS_MS + ENDINGS_MS, per_minute)
    whole = (visit for visit in visits_of(one.event for one in timed) if _begins_in_time(visit))
    return islice(whole, number)


def _begins_in_time(visit: Visit) -> bool:
    return bool(visit[0]["occurred_at"] < START_MS + ARRIVALS_MS)


def code_version() -> str:
    """The version of the package, and a digest of all sources of `models`, which a release is made by."""
    folder = Path(models.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return f"lamstream {version('lamstream')}, models {digest.hexdigest()[:_DIGEST_CHARACTERS]}"
