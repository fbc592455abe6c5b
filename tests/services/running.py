"""The `lam` command, in this process or as one of its own, and what that leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from services.cli import main

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


class Said(NamedTuple):
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: bytes
    stderr: bytes


def lam_here(*arguments: str, given: bytes = b"", **environment: str) -> Said:
    """Run it to its end in this process: a process of its own needs seconds to load what is loaded here already."""
    returncode = 0
    with CliRunner(env=environment).isolation(input=given) as (stdout, stderr, _):
        try:
            main(arguments)
        except SystemExit as ended:
            returncode = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        sys.stdout.flush()
        sys.stderr.flush()
        return Said(returncode, stdout.getvalue(), stderr.getvalue())


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
