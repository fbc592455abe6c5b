"""`lam state` on real Kafka: what changelogs hold, by field name."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from agents.states import LAYOUTS, SITE_SUMS
from models.behaviour.layout import SESSION_LAYOUT
from models.sites.stage import new_state
from schemas.errors import LamstreamError
from schemas.store import SchemaStore
from services.changelogs import readable
from services.cli import cli
from tests.kafka import Broker
from tests.topics.engine import LIMIT_S, engine_settings
from tests.topics.events import NOON
from topics.clients import producer
from topics.errors import RestoreFailed
from topics.settings import Settings
from topics.state.base import Changes
from topics.state.column import ColumnState
from topics.state.declared import empty_state
from topics.state.record import RecordState
from topics.state.restore import WATERMARK_KEY
from topics.table import GROUPS, changelog_name

NOON_UTC = "2025-10-09T08:53:20.000+00:00"


def lam(settings: Settings, *arguments: str) -> Any:
    """Run the command here; what it printed, as JSON, a list of lines."""
    environment = {"LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix}
    result = CliRunner().invoke(cli, ["state", *arguments, "--json"], env=environment)
    if result.exception is not None:
        raise result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


def log(settings: Settings, state: str, partition: int, changes: Changes) -> None:
    """Write changes to a state's changelog."""
    client = producer(settings)
    for key, value in zip(changes.keys, changes.values, strict=True):
        client.produce(settings.prefix + changelog_name(state), value, key, partition=partition)
    assert client.flush(LIMIT_S) == 0


def visits(*sessions: str) -> Changes:
    """Rows of visits with one more event each."""
    state = ColumnState(SESSION_LAYOUT)
    numbers = state.row_numbers(pa.array(sessions))
    state.rows["start_ms"][numbers] = NOON
    state.rows["events"][numbers] = numbers - numbers.min() + 1
    state.rows["site_id"][numbers] = b"shop"
    return state.changes()


@pytest.fixture
def settings(kafka: str) -> Settings:
    return engine_settings(Broker(kafka, transactional=True))


def test_every_state_of_the_table_is_declared() -> None:
    """What agents keep can be looked at."""
    assert set(LAYOUTS) == {state for group in GROUPS.values() for state in group.states}


LOGGED = 6
"""Three visits and what describes their rows, a deletion, a watermark."""


def test_states_are_listed_and_shown_by_field_name(settings: Settings) -> None:
    """Rows and records, found in whatever partition they lie, without keys that were deleted and without our own."""
    log(settings, "session", 2, visits("s-0", "s-1", "s-2"))
    log(settings, "session", 2, Changes(["s-1", WATERMARK_KEY], [None, str(NOON).encode()]))
    sums = empty_state(SITE_SUMS, SchemaStore())
    assert isinstance(sums, RecordState)
    sums.put("shop", new_state("shop"))
    log(settings, "site", 1, sums.changes())

    (listed,) = lam(settings, "list")
    by_place = {(one["state"], one["partition"]): one for one in listed}
    assert set(by_place) == {(name, number) for name in LAYOUTS for number in range(4)}
    session = by_place[("session", 2)]
    assert (session["keys"], session["log_records"], session["watermark_at"]) == (2, LOGGED, NOON_UTC)
    assert session["log_bytes"] > 3 * SESSION_LAYOUT.dtype.itemsize
    assert (by_place[("site", 1)]["keys"], by_place[("session", 0)]["keys"]) == (1, 0)

    (visit,) = lam(settings, "show", "session", "s-2")
    assert (visit["partition"], visit["fields"]["start_ms"], visit["fields"]["site_id"]) == (2, NOON_UTC, "shop")
    assert set(visit["fields"]) == {column.name for column in SESSION_LAYOUT.columns}
    (site,) = lam(settings, "show", "site", "shop")
    assert (site["partition"], site["fields"]["site_id"]) == (1, "shop")

    assert {one["key"] for one in lam(settings, "keys", "session")} == {"s-0", "s-2"}
    events = visit["fields"]["events"]
    assert lam(settings, "keys", "session", "--where", f"events={events}") == [{"partition": 2, "key": "s-2"}]
    assert len(lam(settings, "keys", "session", "--limit", "1")) == 1
    with pytest.raises(LamstreamError, match="holds no key 's-1'"):
        lam(settings, "show", "session", "s-1")


def test_rows_of_another_layout_are_told(settings: Settings) -> None:
    """Their keys and sizes are listed, their fields are not guessed."""
    log(settings, "session", 0, Changes(["s-0"], [b"LR12345678" + bytes(80)]))
    assert [one["keys"] for one in lam(settings, "list")[0] if one["state"] == "session"] == [1, 0, 0, 0]
    with pytest.raises(RestoreFailed, match="layout"):
        lam(settings, "show", "session", "s-0")
    with pytest.raises(LamstreamError, match="found no state 'sessions'; expected one of session"):
        lam(settings, "show", "sessions", "s-0")


def test_times_read_as_times_and_durations_do_not() -> None:
    """By name and size, in records within records too."""
    fields = {
        "start_ms": NOON,
        "dwell_ms": 1200,
        "due_ms": 2**62,
        "events": NOON,
        "mutation": {"made_at": [NOON, None]},
    }
    assert readable(fields) == {
        **fields,
        "start_ms": NOON_UTC,
        "mutation": {"made_at": [NOON_UTC, None]},
    }
