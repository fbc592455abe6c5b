"""The `lam` command from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAM = [sys.executable, "-m", "services.cli"]
LIMIT_S = 180


def lam(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LAM, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def test_config_shows_values_and_origins_and_hides_secrets() -> None:
    """What is in force, where it came from, and no secret."""
    told = lam("config", "--json", LAM_BROKER="here:1", LAM_CLIENT_SASL_PASSWORD="s3cret", LAM_MASTER_KEY="s3cret" * 4)
    rows = {row["name"]: row for row in json.loads(told.stdout)}
    assert (rows["LAM_BROKER"]["value"], rows["LAM_BROKER"]["origin"]) == ("here:1", "environment")
    assert rows["LAM_PREFIX"]["origin"] == "default"
    assert rows["LAM_CLIENT_SASL_PASSWORD"]["value"] == "(hidden)"
    assert (rows["LAM_MASTER_KEY"]["value"], rows["LAM_MASTER_KEY"]["origin"]) == ("(hidden)", "environment")
    assert "s3cret" not in told.stdout + told.stderr


def test_an_error_of_ours_is_one_message_and_status_2() -> None:
    """No traceback, and what to do."""
    told = lam("worker")
    assert told.returncode == 2
    assert told.stderr.startswith("lam: LAM_WORKER_ID is not set")
    assert "Traceback" not in told.stderr


def test_the_demo_agrees_with_what_it_published() -> None:
    """A short demo ends by itself: everything published was read, counted once, and nothing lags."""
    told = lam("demo", "--duration", "4", "--rate", "30")
    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout.splitlines()[-1])
    assert summary["events"] == summary["published"] > 500
    assert summary["folded"] + summary["unconsented"] == summary["published"]
    assert summary["dead_letters"] == summary["lag"] == 0
    assert set(summary["interventions"]) == {"ACTIVE", "ESCALATE", "NUDGE"}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    """However the demo ends, its worker ends with it."""
    mark = f"demo-{tmp_path.name}"
    demo = subprocess.Popen([*LAM, "demo"], env={**os.environ, "LAM_TEST_MARK": mark}, stderr=subprocess.PIPE)
    deadline = time.monotonic() + LIMIT_S
    while len(_marked(mark)) < 2:
        assert time.monotonic() < deadline, "no worker was started"
        assert demo.poll() is None
    demo.send_signal(ending)
    demo.communicate(timeout=LIMIT_S)
    while _marked(mark):
        assert time.monotonic() < deadline, "a process is left"


def _marked(mark: str) -> list[str]:
    """Processes with the mark in their environment, those that have ended left out."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mark.encode() in (process / "environ").read_bytes()
                and "Z" not in (process / "stat").read_text().split()[2]
            ):
                found.append(process.name)
        except OSError:
            continue
    return found
