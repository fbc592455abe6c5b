"""A child ends with its parent, however the parent ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deploy import processes

PARENT = """
import sys, time
from pathlib import Path
from deploy import processes
child = processes.spawn([sys.executable, "-c", "import time; time.sleep(600)"], log=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(600)
"""
PATIENCE_S = 10.0


def _runs(pid: int) -> bool:
    """Whether the process exists and is not a corpse waiting to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _runs(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_its_parent(how: signal.Signals, tmp_path: Path) -> None:
    """Killed, terminated or interrupted, the parent leaves nothing behind."""
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert _runs(child)
        parent.send_signal(how)
        parent.wait(PATIENCE_S)
    assert _ends(child)


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    """The death signal follows the process, not the thread."""
    started = []
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    asking = threading.Thread(target=lambda: started.append(processes.spawn(command, log=tmp_path / "log")))
    asking.start()
    asking.join()
    assert not _ends_within(started[0], 0.3)
    assert processes.stop(started[0]) == -signal.SIGTERM


def _ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    log = tmp_path / "log"
    process = processes.spawn([sys.executable, "-c", deaf], log=log)
    while processes.tail(log) != "deaf":
        time.sleep(0.02)
    assert processes.stop(process, grace_s=0.1) == -signal.SIGKILL
