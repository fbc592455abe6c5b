"""The `lam` command from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.services.running import LAM, LIMIT_S, MARK, lam, lam_here, marked

LOOK_EVERY_S = 0.1


def test_config_shows_values_and_origins_and_hides_secrets() -> None:
    """What is in force, where it came from, and no secret."""
    told = lam_here(
        "config", "--json", LAM_BROKER="here:1", LAM_CLIENT_SASL_PASSWORD="s3cret", LAM_MASTER_KEY="s3cret" * 4
    )
    rows = {row["name"]: row for row in json.loads(told.stdout)}
    assert (rows["LAM_BROKER"]["value"], rows["LAM_BROKER"]["origin"]) == ("here:1", "environment")
    assert rows["LAM_PREFIX"]["origin"] == "default"
    assert rows["LAM_CLIENT_SASL_PASSWORD"]["value"] == "(hidden)"
    assert (rows["LAM_MASTER_KEY"]["value"], rows["LAM_MASTER_KEY"]["origin"]) == ("(hidden)", "environment")
    assert b"s3cret" not in told.stdout + told.stderr


def test_an_error_of_ours_is_one_message_and_status_2() -> None:
    """No traceback, and what to do."""
    told = lam("worker")
    assert told.returncode == 2
    assert told.stderr.startswith("lam: LAM_WORKER_ID is not set")
    assert "Traceback" not in told.stderr


def test_the_demo_agrees_with_the_shop() -> None:
    """A short demo ends by itself: what the topics show is what is true of its shop, and nothing lags."""
    told = lam("demo", "--duration", "3", LAM_TEST_MARK="demo-to-its-end")
    assert told.returncode == 0, told.stderr
    summary = json.loads(told.stdout.splitlines()[-1])
    assert summary["events"] == summary["published"]["session-event"] > 1_000
    assert summary["dead_letters"] == summary["lag"] == 0
    assert set(summary["interventions"]) == {"PASSIVE", "NUDGE", "ACTIVE", "ESCALATE"}
    assert min(summary["rewards"], summary["tuples"]) > 0
    assert marked("demo-to-its-end") == {}


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, ending: signal.Signals) -> None:
    """However the demo ends, its worker and its shop end with it."""
    mark = f"demo-{tmp_path.name}"
    demo = subprocess.Popen([*LAM, "demo"], env={**os.environ, MARK: mark}, stderr=subprocess.PIPE)
    deadline = time.monotonic() + LIMIT_S
    while not any(" shop " in command for command in marked(mark).values()):
        assert time.monotonic() < deadline, "no shop was opened"
        assert demo.poll() is None
        time.sleep(LOOK_EVERY_S)
    assert len(marked(mark)) == 3
    demo.send_signal(ending)
    demo.communicate(timeout=LIMIT_S)
    while marked(mark):
        assert time.monotonic() < deadline, "a process is left"
        time.sleep(LOOK_EVERY_S)
