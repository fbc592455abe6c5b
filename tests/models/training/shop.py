"""Hours of the simulated shop for tests of training."""

from __future__ import annotations

from functools import cache

from models.training.examples import Examples, Told, examples
from services.training import Hours, simulated_hours

SHORT = Hours(hours=0.03, visits_per_minute=200.0)


@cache
def simulated(plan: Hours = SHORT) -> tuple[Told, ...]:
    """What a shop told."""
    return tuple(simulated_hours(plan))


@cache
def simulated_examples(plan: Hours = SHORT) -> Examples:
    """What is learned from it."""
    return examples(simulated(plan))
