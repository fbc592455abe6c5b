"""What training is given."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

from models.behaviour.moment import INPUT_PLACE
from services.cli import train
from services.training import Hours, code_version, simulated_hours

SHORT = Hours(hours=0.05, visits_per_minute=60.0, seed=5)


def test_hours_are_repeatable() -> None:
    """The same plan tells the same, another seed something else."""
    told = list(simulated_hours(SHORT))
    assert told == list(simulated_hours(SHORT))
    assert told != list(simulated_hours(replace(SHORT, seed=6)))


def test_hours_end_with_every_visit_closed_and_every_decision_rewarded() -> None:
    """Nobody is left, and no decision waits for its reward but those of visits that took consent back."""
    told = list(simulated_hours(SHORT))
    closed = {(ending.session_id, ending.visit_started_at) for one in told for ending in one.endings}
    rewarded = {record["decision_id"] for one in told for record in one.rewards if record["subject"] == "decision"}
    decided = [d for one in told for d in one.decisions if d["result"] in ("fire", "no_op", "holdout")]
    of_closed = [d for d in decided if (d["session_id"], d["visit_started_at"]) in closed]
    assert len(of_closed) > 0.9 * len(decided) > 0
    assert {d["decision_id"] for d in of_closed} <= rewarded


def test_what_is_decided_is_shown() -> None:
    """Later evaluations count interventions shown."""
    shown = INPUT_PLACE["count.intervention_shown"]
    told = list(simulated_hours(SHORT))
    assert any(d["features"][shown] > 0 for one in told for d in one.decisions)


def test_the_code_is_named() -> None:
    """By the package's version and its sources."""
    assert code_version().startswith("lamstream ")
    assert code_version() == code_version()


def test_without_torch_the_command_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named, and both ways to get it."""
    monkeypatch.setattr(train, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    with pytest.raises(train.TrainingUnavailable, match=r"needs torch.*make install-train.*lamstream\[train\]"):
        train.scorer(hours=1.0)
