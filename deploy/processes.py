"""Child processes that end with the process that started them, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PR_SET_PDEATHSIG = 1

# The kernel sends the death signal when the *thread* that forked ends, so one thread that lives as long as the process
# does all forking: a broker restarted from a short-lived thread stays up.
_forker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _die_with(parent: int, death_signal: signal.Signals) -> Callable[[], None] | None:
    """What the child runs between fork and exec; None where the platform has no parent-death signal."""
    if _libc is None:
        return None
    prctl = _libc.prctl

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before the signal was armed
            os._exit(1)

    return arm


def spawn(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    detached: bool = False,
    death_signal: signal.Signals = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, its output appended to `log`.

    A session of its own keeps a Ctrl-C in the terminal from reaching it, so that its owner stops it in good order. When
    the owner dies without doing so the kernel sends `death_signal` (Linux), unless `detached`.
    `env` is added to this process's environment.
    """
    arm = None if detached else _die_with(os.getpid(), death_signal)

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [str(a) for a in argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
                preexec_fn=arm,
            )

    return _forker.submit(start).result()


def stop(process: subprocess.Popen[bytes], *, grace_s: float = 20.0) -> int:
    """Ask the process to end, wait, and kill it where it does not; its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a paused process would take no notice
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(no output)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) or "(no output)"
