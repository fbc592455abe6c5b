"""What training is given."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from services.cli import train
from services.training import code_version, simulated_visits


def test_visits_are_repeatable_whole_and_as_many_as_asked_for() -> None:
    """The same arguments give the same visits, each of one session, with consent, in order of time."""
    visits = list(simulated_visits(200, 5))
    assert visits == list(simulated_visits(200, 5))
    assert visits != list(simulated_visits(200, 6))
    assert len(visits) == 200
    for visit in visits:
        assert len({event["session_id"] for event in visit}) == 1
        assert all(event["consent"]["personalization"] for event in visit)
        times = [event["occurred_at"] for event in visit]
        assert times == sorted(times)


def test_the_code_is_named() -> None:
    """By the package's version and its sources."""
    assert code_version().startswith("lamstream ")
    assert code_version() == code_version()


def test_without_torch_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, and both ways to get it."""
    monkeypatch.setattr(train, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    with pytest.raises(train.TrainingUnavailable, match=r"needs torch, .*make install-train.*lamstream\[train\]"):
        train.scorer(visits=100)
