"""Visits for tests of training: made by hand, and from the simulated shop."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from models.training.snapshots import Examples, examples
from models.training.visits import Visit
from services.training import simulated_visits
from tests.models.behaviour.events import event


def visit(*steps: dict[str, Any], session: str = "s") -> Visit:
    """A visit of events, each given by what differs from a ping at START (`at_s` in seconds)."""
    return [event(session_id=session, **step) for step in steps]


@cache
def simulated(number: int = 300, seed: int = 1) -> tuple[Visit, ...]:
    """Some visits of the simulated shop."""
    return tuple(simulated_visits(number, seed))


@cache
def simulated_examples() -> Examples:
    """Moments of them."""
    return examples(simulated(), np.random.default_rng(1))
