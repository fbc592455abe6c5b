"""A worker as a process of its own, gone when the demo is."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import LamstreamError

PR_SET_PDEATHSIG = 1
LAST_LINES = 20
STOP_S = 30.0


class WorkerFailed(LamstreamError):
    """The worker ended before it was told to."""


class WorkerProcess:
    """`lam worker` with the given environment; its log goes to a file."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as target:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", "worker"],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def check(self) -> None:
        """Raises WorkerFailed, with the end of its log, where the worker has ended."""
        status = self._process.poll()
        if status is not None:
            lines = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            raise WorkerFailed(
                f"the worker ended with status {status}; the end of its log {self._log}:\n" + "\n".join(lines)
            )

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Tell it to commit and leave, and wait for that; end it where it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def worker_process(environment: dict[str, str], log: Path) -> Iterator[WorkerProcess]:
    """A worker for as long as the context lasts."""
    worker = WorkerProcess(environment, log)
    try:
        yield worker
    finally:
        worker.stop()


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgrp()
