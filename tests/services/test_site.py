"""`lam site`: what an operator says holds, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.errors import LamstreamError, UnfitRecord
from schemas.framing import SingleObjectFraming
from services.cli import cli
from services.reading import newest
from services.site_configs import changed, default_config
from tests.agents.running import send
from tests.kafka import Broker
from tests.topics.engine import engine_settings
from tests.topics.events import publish_raw
from topics.errors import ConfigurationError
from topics.settings import Settings

NOW_MS = 1_760_000_000_000
STAGE = {"site_id": "shop", "version": 3, "sessions": 120, "dwell_median_s": 42.5, "scroll_median": None}


@pytest.fixture
def settings(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a prefix of its own, which `lam` finds in the environment."""
    made = engine_settings(broker)
    monkeypatch.setenv("LAM_BROKER", made.broker)
    monkeypatch.setenv("LAM_PREFIX", made.prefix)
    return made


def lam(*arguments: str) -> Any:
    """What `lam site ... --json` prints."""
    told = CliRunner().invoke(cli, ["site", *arguments, "--json"], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    return json.loads(told.stdout)


def test_what_is_set_holds_and_the_rest_stays(settings: Settings) -> None:
    """Each command changes what it names, and versions rise."""
    first = lam("set", "shop", "--mode", "active", "--holdout", "0.1", "--forbid", "active_chat")
    second = lam("set", "shop", "--opted-in", "--forbid", "nudge_suggestion", "--allow", "active_chat")
    assert second["version"] > first["version"]
    wanted = {"mode": "active", "holdout_share": 0.1, "opted_in": True, "forbidden_actions": ["nudge_suggestion"]}
    assert newest(settings, "site-config") == {"shop": default_config("shop") | wanted | {"version": second["version"]}}


def test_a_site_is_stopped_with_one_command_and_goes_on_with_another(settings: Settings) -> None:
    """The kill switch of a site of which nothing was said before, and nothing else of it."""
    stopped = lam("stop", "shop")
    assert stopped == default_config("shop") | {"kill_switch": True, "version": stopped["version"]}
    assert lam("set", "shop", "--no-kill")["kill_switch"] is False


def test_show_and_list_tell_configs_and_stages(settings: Settings) -> None:
    """A site is known by its config, by its stage, or by both."""
    send(settings, "site-stage", [STAGE | {"version": 2}, STAGE])
    config = lam("stop", "b2b")
    assert lam("list") == ["b2b", "shop"]
    assert lam("show", "shop") == [{"site_id": "shop", "config": None, "stage": STAGE}]
    assert lam("show")[0] == {"site_id": "b2b", "config": config, "stage": None}
    said = CliRunner().invoke(cli, ["site", "list"]).stdout
    assert [line.split()[:3] for line in said.splitlines()] == [
        ["b2b", "stopped", "0"],
        ["shop", "limited_active", "120"],
    ]
    with pytest.raises(ConfigurationError, match="nothing is known of site 'shpo'"):
        lam("show", "shpo")


def test_a_record_that_cannot_be_read_does_not_keep_a_site_from_being_stopped(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named and left out; a deleted one is left out too."""
    lam("set", "gone")
    framed = SingleObjectFraming().frame(b"12345678", b"of a schema that nobody has")
    publish_raw(settings.broker, settings.prefix + "site-config", [(b"bad", framed), (b"gone", None)])
    lam("stop", "shop")
    assert list(newest(settings, "site-config")) == ["shop"]
    assert "the record of key 'bad' cannot be read" in caplog.text
    assert "'gone'" not in caplog.text


@pytest.mark.parametrize(
    ("changes", "forbid", "error", "told"),
    [
        ({"holdout_share": 0.5}, [], UnfitRecord, "found 0.5 in field holdout_share; expected 0.01 to 0.2"),
        ({"mode": "actve"}, [], UnfitRecord, "found 'actve' in field mode; expected a symbol of active"),
        ({}, ["active_caht"], ConfigurationError, "found no action active_caht; expected any of"),
    ],
)
def test_what_does_not_fit_is_refused(
    changes: dict[str, Any], forbid: list[str], error: type[LamstreamError], told: str
) -> None:
    """A value out of range, an unknown mode, an action that does not exist."""
    with pytest.raises(error, match=told):
        changed(default_config("shop"), changes, forbid, [], NOW_MS)


def test_versions_are_times_and_rise_though_clocks_do_not() -> None:
    """The later of two operators counts, also where the earlier one's clock is ahead."""
    first = changed(default_config("shop"), {}, [], [], NOW_MS)
    assert first["version"] == NOW_MS
    assert changed(first, {}, [], [], NOW_MS - 5_000)["version"] == NOW_MS + 1
