"""Composite and tier."""

from __future__ import annotations

import pytest

from models.ava.tiers import Profile, composite, tier_of
from schemas.vocabulary import TIERS


@pytest.mark.parametrize(
    ("points", "tier"),
    [
        *((0, "MONITOR"), (29, "MONITOR"), (29.001, "PASSIVE"), (49, "PASSIVE"), (49.001, "NUDGE"), (64, "NUDGE")),
        *((64.001, "ACTIVE"), (79, "ACTIVE"), (79.001, "ESCALATE"), (100, "ESCALATE")),
    ],
)
def test_a_bound_belongs_to_the_lower_tier(points: float, tier: str) -> None:
    """29, 49, 64 and 79 are the highest of their tiers."""
    assert TIERS[tier_of(float(points))] == tier


def test_the_composite_weighs_the_signals() -> None:
    """.25 intent + .25 friction + .15 clarity + .20 receptivity + .15 value."""
    assert composite(40.0, 80.0, 20.0, 50.0, 60.0) == pytest.approx(10 + 20 + 3 + 10 + 9)
    assert composite(100.0, 100.0, 100.0, 100.0, 100.0) == pytest.approx(100)


def test_weights_must_sum_to_one() -> None:
    """A profile that would not is refused."""
    with pytest.raises(ValueError, match="sum to 1"):
        Profile(intent=0.5)


def test_bounds_must_rise() -> None:
    """A tier without room is refused."""
    with pytest.raises(ValueError, match="must rise"):
        Profile(passive_at_most=29.0)
