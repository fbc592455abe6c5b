"""Draining a worker over HTTP, and by `lam worker drain`."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from services.cli import cli
from services.draining import Draining
from services.health import is_loopback, served
from tests.kafka import Broker
from tests.topics.engine import Engine, engine_settings, running
from topics.embedded import PARTITIONS
from topics.errors import ConfigurationError
from topics.membership import memberships
from topics.settings import Settings, load_settings
from topics.transport.app import StreamApp


def drained_by(engine: Engine, settings: Settings) -> Draining:
    """A worker in this process ends as one that runs alone does when it gets SIGTERM."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        asyncio.run_coroutine_threadsafe(engine.app.stop(), loop)

    return Draining(settings, engine.app, stop)


async def lam_worker_drain(address: str | None, *options: str) -> Result:
    assert address is not None
    arguments = ["worker", "drain", "--json", "--port", address.rsplit(":", 1)[1], *options]
    return await asyncio.to_thread(CliRunner().invoke, cli, arguments)


def post(address: str | None, headers: dict[str, str]) -> tuple[int, Any]:
    request = urllib.request.Request(f"{address}/drain", method="POST", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def not_to_be_stopped() -> None:
    raise AssertionError("a worker that holds nothing was stopped")


async def test_a_drained_worker_is_no_member_and_the_one_who_asked_is_told(kafka: str) -> None:
    """Status 0 and how many partitions it gave, once the group names it no more."""
    settings = engine_settings(Broker(kafka, transactional=True), metrics_port=0, session_timeout_s=600)
    async with running(settings) as engine:
        await engine.until(lambda: engine.partitions == PARTITIONS)
        assert len(memberships(settings)) == 1
        with served(settings, engine.app.standing, drained_by(engine, settings)) as address:
            result = await lam_worker_drain(address)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["state"], told["partitions"]) == ("left", PARTITIONS)
    assert memberships(settings) == []


async def test_a_group_that_does_not_confirm_it_is_told_so(embedded: str) -> None:
    """The embedded broker describes no groups: the worker ended, and nobody claims that it left."""
    broker = Broker(embedded, transactional=False)
    settings = engine_settings(broker, metrics_port=0, request_timeout_s=2)
    async with running(settings) as engine:
        await engine.until(lambda: engine.partitions == PARTITIONS)
        with served(settings, engine.app.standing, drained_by(engine, settings)) as address:
            result = await lam_worker_drain(address)
    assert result.exit_code == 1, result.output
    assert json.loads(result.stdout)["state"] == "unconfirmed"


async def test_a_worker_that_has_not_joined_is_asked_again_until_the_time_is_up() -> None:
    """It holds nothing yet, and is not stopped: its place from before would stay."""
    settings = load_settings(worker_id="w", metrics_port=0)
    app = StreamApp(settings)
    with served(settings, app.standing, Draining(settings, app, not_to_be_stopped)) as address:
        result = await lam_worker_drain(address, "--timeout", "0")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "starting"
    assert not app.leaving_for_good


def test_a_browser_drains_nothing() -> None:
    """A page that someone on this machine looks at can post to the loopback too; it says where it is from."""
    settings = load_settings(worker_id="w", metrics_port=0)
    app = StreamApp(settings)
    with served(settings, app.standing, Draining(settings, app, not_to_be_stopped)) as address:
        assert post(address, {"Origin": "https://example.org"})[0] == 403
        assert post(address, {})[0] == 503


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1", False),
    ],
)
def test_only_the_loopback_is_this_machine(host: str, expected: bool) -> None:
    """Whatever family the server listens in."""
    assert is_loopback(host) is expected


def test_where_no_worker_answers_it_says_what_to_look_at() -> None:
    """Status 2 by way of an error of ours, which names the setting."""
    result = CliRunner().invoke(cli, ["worker", "drain", "--port", "1"])
    assert isinstance(result.exception, ConfigurationError)
    assert "LAM_METRICS_PORT" in str(result.exception)
