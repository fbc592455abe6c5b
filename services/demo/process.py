"""Parts of the demo as processes of their own, gone when the demo is."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from schemas.errors import LamstreamError

PR_SET_PDEATHSIG = 1
LAST_LINES = 20
STOP_S = 30.0


class ProcessFailed(LamstreamError):
    """A part ended before it was told to, or with an error."""


class LamProcess:
    """A `lam` command with the given environment; its log goes to a file, as does what it prints."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._command = command
        self._log = log
        with log.open("wb") as target:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", *command],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent if sys.platform == "linux" else None,
            )

    def check(self) -> None:
        """Raises ProcessFailed, with the end of its log, where it has ended."""
        if self._process.poll() is not None:
            raise self._failed()

    def ended(self) -> bool:
        """Whether it has ended well. Raises ProcessFailed where it ended with an error."""
        status = self._process.poll()
        if status:
            raise self._failed()
        return status == 0

    def told(self) -> dict[str, Any]:
        """The JSON object on the last line that it printed."""
        last: dict[str, Any] = json.loads(self._log.read_text(encoding="utf-8").splitlines()[-1])
        return last

    def _failed(self) -> ProcessFailed:
        lines = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
        return ProcessFailed(
            f"`lam {' '.join(self._command)}` ended with status {self._process.returncode}; the end of its log "
            f"{self._log}:\n" + "\n".join(lines)
        )

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Tell it to end, and wait for that; end it where it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class WorkerProcess(LamProcess):
    """`lam worker`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        super().__init__(["worker"], environment, log)


@contextmanager
def lam_process(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[LamProcess]:
    """A command for as long as the context lasts."""
    process = LamProcess(command, environment, log)
    try:
        yield process
    finally:
        process.stop()


def end_with_parent() -> None:
    """Called in a child: it dies with its parent, and signals to the parent's group do not reach it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgrp()
