"""The `lam` command as a process, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LAM = [sys.executable, "-m", "services.cli"]
LIMIT_S = 180
MARK = "LAM_TEST_MARK"


def lam(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [*LAM, *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def marked(mark: str) -> dict[str, str]:
    """The command lines, by number, of processes with this MARK in their environment; those that ended left out."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                f"{MARK}={mark}".encode() in (process / "environ").read_bytes()
                and "Z" not in (process / "stat").read_text().split()[2]
            ):
                found[process.name] = (process / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found
