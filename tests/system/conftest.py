"""What system tests share: a nursery of workers, and the tally of what they broke."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.system.nursery import Nursery
from tests.system.tally import Tally

TALLY = Tally()
SHORT = bool(os.environ.get("LAM_SHORT"))
SEED = int(os.environ.get("LAM_SEED", "7"))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Workers that start at once."""
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(scope="session")
def tally() -> Tally:
    """What all system tests come to."""
    return TALLY


@pytest.fixture(scope="session")
def short() -> bool:
    """Whether the short form of the slow tests runs."""
    return SHORT


@pytest.fixture(scope="session")
def seed() -> int:
    """Of everything drawn: LAM_SEED, or always the same."""
    return SEED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what the next run must be given to draw the same."""
    terminalreporter.write_line(f"LAM_SEED={SEED}")


def pytest_sessionfinish() -> None:
    TALLY.write()
