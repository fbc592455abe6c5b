"""`lam decision` on a topic of decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.ava.draws import Draws
from models.ava.records import decision_record
from schemas.errors import LamstreamError
from services.cli import cli
from services.publishing import Publisher
from tests.models.ava.cases import FREE, IDLE_CHECKOUT, MASTER, REFUSED_PAYMENT, evaluations, row_of
from topics.embedded import make_topics
from topics.settings import load_settings

POLICY = Policy(installed_catalog(), sample_rate=1.0)
LANDING = {"page_type.category": 0, "page_type.landing": 1, "age_s": 1, "pages": 1}


def records() -> Iterator[dict[str, Any]]:
    """Three decisions and an evaluation that concluded nothing."""
    decider = Decider(POLICY, Draws(MASTER))
    for k, features in enumerate((REFUSED_PAYMENT, IDLE_CHECKOUT, {"search_refinements": 2}, LANDING)):
        one = evaluations(row_of(features), session=f"s{k}")
        decided = decider.decide(one, [FREE], {})
        yield decision_record(POLICY, one, decided, 0, FREE, next(iter(decided.conclusions), None))


def publish(*told: dict[str, Any]) -> None:
    publisher = Publisher(load_settings(), "decision")
    for record in told:
        publisher.publish(record)
    publisher.flush()


@pytest.fixture
def topic(embedded: str, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The records on the topic of an embedded broker."""
    monkeypatch.setenv("LAM_BROKER", embedded)
    make_topics(load_settings())
    told = list(records())
    publish(*told)
    return told


def lam(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["decision", *arguments], terminal_width=200)


def test_a_decision_is_shown(topic: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals, gates by number and name, arms with propensities, the draw; --json is the record."""
    monkeypatch.setenv("COLUMNS", "200")
    record = topic[0]
    shown = lam("show", record["decision_id"]).stdout
    words = (
        "F094 Payments are refused (75)",
        "payment_failed",
        "receptivity",
        "a:shop:F094:escalate_payment_help",
        f"{record['arms'][0]['propensity']:.6f}",
        repr(record["draw"]),
        installed_catalog().hash,
    )
    assert [word for word in words if word not in shown] == []
    assert json.loads(lam("show", record["decision_id"], "--json").stdout) == record
    suppressed = lam("show", topic[3]["decision_id"]).stdout
    assert "suppress (monitor)" in suppressed


def test_a_decision_that_is_not_there_is_an_error(topic: list[dict[str, Any]]) -> None:
    """The message says what an id looks like."""
    error = lam("show", "nowhere:1:2").exception
    assert isinstance(error, LamstreamError)
    assert "found no decision 'nowhere:1:2'" in str(error)


def test_all_are_decided_again(topic: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 0 without a difference, with the recorded draws and with draws made again; 1 with another key."""
    without_key = lam("replay", "--json")
    told = json.loads(without_key.stdout)
    assert (without_key.exit_code, told["decisions"], told["differing"], told["refused"]) == (0, 4, 0, 0)
    assert sum(told["results"].values()) == 4
    assert json.loads(lam("replay", "--limit", "2", "--json").stdout)["decisions"] == 2
    monkeypatch.setenv("LAM_MASTER_KEY", MASTER.hex())
    assert (lam("replay").exit_code, "draws made again" in lam("replay").stdout) == (0, True)
    monkeypatch.setenv("LAM_MASTER_KEY", "ff" * 32)
    assert lam("replay").exit_code == 1


def test_differences_are_told_and_the_status_is_1(topic: list[dict[str, Any]]) -> None:
    """A record that says what its inputs do not give, and one of another catalog."""
    publish({**topic[0], "composite": 1.0}, {**topic[1], "catalog": "00ff"})
    replayed = lam("replay")
    assert replayed.exit_code == 1
    assert "1 differ, 1 could not be decided again" in replayed.stdout
    assert f"decision {topic[0]['decision_id']}: composite: 1.0, now {topic[0]['composite']!r}" in replayed.stdout
    assert "found catalog 00ff" in replayed.stdout
