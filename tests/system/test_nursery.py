"""Who looks after workers of tests."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.system.nursery import Children


def test_a_pid_that_is_given_again_is_another_child() -> None:
    """In a long soak pids come round: who has one now has not died of what ended the one before."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        children = Children()
        children._ended[child.pid] = -9
        children.began(child.pid)
        assert children.status(child.pid) is None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert [children.status(child.pid), children.status(child.pid)] == [-9, -9]
