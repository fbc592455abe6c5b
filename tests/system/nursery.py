"""Workers that start at once: one parent has imported and compiled everything, and forks a child for each.

What a child runs is what `lam worker` runs. It is a process of its own, with an environment and a log of its own: it
can be killed, frozen and told to stop like any other, and it ends with the nursery. The parent has no thread, client,
event loop or model of its own and never reads the settings: all of that begins in the child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from services.demo.process import LAST_LINES, STOP_S, ProcessFailed, end_with_parent

LOOK_EVERY_S = 0.02


class Nursery:
    """The parent, as a test sees it. It ends with `close`, or with the test's process."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.system.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._turn = threading.Lock()
        assert self._answer() == "ready"

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def worker(self, environment: dict[str, str], log: Path) -> NurseryWorker:
        """Start a worker; `environment` is added to this process's."""
        pid = self._ask({"start": {**os.environ, **environment}, "log": str(log)})
        return NurseryWorker(self, int(pid), log)

    def status(self, pid: int) -> int | None:
        """How the child ended: its exit status, or minus the signal; None while it lives."""
        status: int | None = self._ask({"status": pid})
        return status

    def close(self) -> None:
        """End the parent, and with it every child."""
        assert self._parent.stdin is not None
        assert self._parent.stdout is not None
        self._parent.stdin.close()
        self._parent.wait()
        self._parent.stdout.close()

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._parent.stdin is not None
        with self._turn:
            self._parent.stdin.write(json.dumps(question) + "\n")
            self._parent.stdin.flush()
            return self._answer()

    def _answer(self) -> Any:
        assert self._parent.stdout is not None
        return json.loads(self._parent.stdout.readline())


class NurseryWorker:
    """A worker that was forked; like `WorkerProcess`, and it says how it ended."""

    def __init__(self, nursery: Nursery, pid: int, log: Path) -> None:
        self.pid = pid
        self.log = log
        self._nursery = nursery
        self._status: int | None = None

    def status(self) -> int | None:
        """Its exit status, or minus the signal that ended it; None while it lives."""
        if self._status is None:
            self._status = self._nursery.status(self.pid)
        return self._status

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens where it has ended."""
        if self.status() is None:
            os.kill(self.pid, number)

    def frozen(self) -> bool:
        """Whether it is stopped (SIGSTOP)."""
        if self.status() is not None:
            return False
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        return stat[stat.rindex(")") + 2] == "T"

    def check(self) -> None:
        """Raises ProcessFailed, with the end of its log, where it has ended."""
        if self.status() is not None:
            told = self.log.read_text(errors="replace").splitlines()
            lines = [line for line in told if not line.rstrip().endswith(("Starting...", "Stopping..."))][-LAST_LINES:]
            raise ProcessFailed(
                f"a worker ended with status {self.status()}; the end of its log {self.log}:\n" + "\n".join(lines)
            )

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.signal(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Tell it to end, and wait for that; end it where it does not."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not self.wait(STOP_S):
            self.kill()

    def wait(self, limit_s: float = float("inf")) -> bool:
        """Whether it ended in that time."""
        deadline = time.monotonic() + limit_s
        while self.status() is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_EVERY_S)
        return True


def main() -> None:
    """The parent: a question a line on stdin, an answer a line on stdout, until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _prepare()
    _tell(answers, "ready")
    children = Children()
    for line in sys.stdin:
        question = json.loads(line)
        if "start" in question:
            pid = os.fork()
            if pid == 0:
                answers.close()
                _live(question["start"], question["log"])
            children.began(pid)
            _tell(answers, pid)
        else:
            _tell(answers, children.status(question["status"]))


class Children:
    """How those of this process ended, by pid; one that is given again is another child's."""

    def __init__(self) -> None:
        self._ended: dict[int, int] = {}

    def began(self, pid: int) -> None:
        """It lives."""
        self._ended.pop(pid, None)

    def status(self, pid: int) -> int | None:
        """Its exit status, or minus the signal that ended it; None while it lives."""
        if pid not in self._ended:
            found, how = os.waitpid(pid, os.WNOHANG)
            if found == 0:
                return None
            self._ended[pid] = os.waitstatus_to_exitcode(how)
        return self._ended[pid]


def _tell(answers: Any, what: Any) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


def _prepare() -> None:
    """Import and compile whatever does not depend on settings, and begin nothing."""
    import faust.livecheck
    import faust.worker  # noqa: F401
    import uvloop  # noqa: F401

    import models.assembly
    import models.ava.deciding
    import models.live.arm_book
    import models.live.turn
    import models.serving.scorer  # noqa: F401
    import services.cli.worker  # noqa: F401
    import topics.transport.app  # noqa: F401
    from services.warmup import warm_up

    warm_up()
    # Threads of libraries (OpenBLAS, jemalloc) are of those that know of forks.
    if threading.active_count() > 1:
        raise RuntimeError(f"{threading.enumerate()} run in the nursery; a fork would copy one of them")


def _live(environment: dict[str, str], log: str) -> None:
    """What a child does, which never returns."""
    status = 1
    try:
        end_with_parent()
        _redirect(log)
        os.environ.clear()
        os.environ.update(environment)
        _arm_faults()
        status = _work()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(nothing)
    os.close(target)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)


def _arm_faults() -> None:
    """The plan is read when its module is imported, which the parent did for all."""
    from topics import faults

    faults._faults = faults.Faults(faults.parse(os.environ.get(faults.VARIABLE, "")))


def _work() -> int:
    from services.cli.worker import worker

    try:
        worker()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


if __name__ == "__main__":
    main()
