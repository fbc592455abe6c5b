"""The demo's visits are the same for the same seed, in order, and valid."""

from __future__ import annotations

import pytest

from schemas.encoder import Encoder
from schemas.record_type import record_type
from services.demo.traffic import traffic
from tests.topics.events import NOON

HOUR_MS = 3_600_000


def test_the_same_seed_gives_the_same_visits() -> None:
    """Two runs are equal; another seed is another shop."""
    one = list(traffic(3, NOON, NOON + HOUR_MS, 5))
    assert one == list(traffic(3, NOON, NOON + HOUR_MS, 5))
    assert one != list(traffic(4, NOON, NOON + HOUR_MS, 5))


def test_events_come_in_order_within_the_time() -> None:
    """Nobody publishes the past, and nothing outlasts the end."""
    times = [timed.at_ms for timed in traffic(3, NOON, NOON + HOUR_MS, 20)]
    assert times == sorted(times)
    assert NOON <= times[0] <= times[-1] < NOON + HOUR_MS


@pytest.mark.parametrize("seed", range(3))
def test_every_event_fits_its_schema(seed: int) -> None:
    """The demo goes through the same door as any producer."""
    encoder = Encoder(record_type("session-event"))
    assert all(encoder.encode(timed.event) for timed in traffic(seed, NOON, NOON + HOUR_MS, 5))
