"""`lam worker drain`: end a worker of this machine for good."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection, HTTPException
from typing import Annotated

import typer
from rich.console import Console

from services.draining import Progress, State
from services.health import DRAIN
from topics.errors import ConfigurationError
from topics.settings import Settings, load_settings

LOOPBACK = "127.0.0.1"
EVERYWHERE = {"0.0.0.0", "::"}
ANSWER_S = 60.0
"""Longest wait for one answer: it may take the group's word on who is a member."""
AGAIN_S = 0.5


def drain(
    port: Annotated[int | None, typer.Option(help="The worker's port; LAM_METRICS_PORT unless given.")] = None,
    address: Annotated[str | None, typer.Option(help="Its address here; LAM_METRICS_HOST unless given.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds after which to give up waiting; the worker goes on.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print how it ended as JSON.")] = False,
) -> None:
    """Have a worker commit, leave its group for good, and end: others take its partitions at once, not in 45 s.

    Waits until the group no longer names it. Status 0 when it left; 1 where it did not in time or the group does not
    confirm it; 2 where no worker answers. A supervisor that starts it again whatever its status undoes this.
    """
    settings = load_settings()
    host, number = _where(settings, address, port)
    began = time.monotonic()
    with Console(stderr=True).status(f"draining the worker at {host}:{number}"):
        last = _until_left(host, number, began + timeout)
    told = {**last._asdict(), "seconds": round(time.monotonic() - began, 2)}
    if as_json:
        print(json.dumps(told))
    elif last.state is State.LEFT:
        print(f"left for good in {told['seconds']} s; {last.partitions} partitions go to others")
    else:
        print(f"{last.state.value} after {told['seconds']} s: {last.detail}")
    raise typer.Exit(0 if last.state is State.LEFT else 1)


def _where(settings: Settings, address: str | None, port: int | None) -> tuple[str, int]:
    number = port or settings.metrics_port
    if not number:
        raise ConfigurationError(
            f"LAM_METRICS_PORT is {settings.metrics_port!r} here, which names no port; give the worker's with --port, "
            "as it said when it started"
        )
    return address or (LOOPBACK if settings.metrics_host in EVERYWHERE else settings.metrics_host), number


def _until_left(host: str, port: int, deadline: float) -> Progress:
    """Ask until it is told that the drain ended, or until the deadline; what was told last.

    Raises ConfigurationError where nothing answers, or something other than a worker.
    """
    while True:
        progress = _ask(host, port)
        if progress.state in (State.LEFT, State.UNCONFIRMED) or time.monotonic() >= deadline:
            return progress
        time.sleep(AGAIN_S)


def _ask(host: str, port: int) -> Progress:
    connection = HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        connection.request("POST", DRAIN)
        answer = json.loads(connection.getresponse().read())
        return Progress(State(answer["state"]), answer["partitions"], answer["detail"])
    except (OSError, HTTPException) as problem:
        raise ConfigurationError(
            f"no worker answers at {host}:{port} ({problem}); is one running on this machine, with this "
            "LAM_METRICS_PORT? One that was being drained has ended"
        ) from problem
    except (ValueError, KeyError, TypeError) as problem:
        raise ConfigurationError(
            f"what answers at {host}:{port} is no worker that lets itself be drained from here; expected one of this "
            "version, asked over the loopback"
        ) from problem
    finally:
        connection.close()
