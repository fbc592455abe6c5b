"""What Kafka clients log, each thing told once in a while: where a broker is away every one of them is refused 20 times
a second and says so each time, and a worker has many.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable

QUIET_S = 30.0
MOST_REMEMBERED = 1_000
PASSING = re.compile(r"\[[^]]*\] \[thrd:[^]]*\]: | \(after \d+ms in state .*\)")
"""In `FAIL [client] [thrd:where]: broker: what (after 3ms in state CONNECT)`: which client, and for how long."""


class OnceInAWhile(logging.Filter):
    """Lets a line pass, and the same of any client not again for `quiet_s`; the next one says how many were kept."""

    def __init__(self, quiet_s: float = QUIET_S, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._quiet_s = quiet_s
        self._now = now
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}
        self._kept: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to tell it."""
        what = PASSING.sub("", record.getMessage())
        with self._lock:
            now = self._now()
            if now - self._told.get(what, -self._quiet_s) < self._quiet_s:
                self._kept[what] = self._kept.get(what, 0) + 1
                return False
            if len(self._told) >= MOST_REMEMBERED:
                self._forget(now)
            self._told[what] = now
            kept = self._kept.pop(what, 0)
        if kept:
            record.msg, record.args = f"{record.getMessage()}; {kept} times more since it was told last", ()
        return True

    def _forget(self, now: float) -> None:
        lately = {what: at for what, at in self._told.items() if now - at < self._quiet_s}
        self._told = lately if len(lately) < MOST_REMEMBERED else {}
        self._kept = {what: kept for what, kept in self._kept.items() if what in self._told}


_ONCE_IN_A_WHILE = OnceInAWhile()


def client_log() -> logging.Logger:
    """The logger of every Kafka client."""
    logger = logging.getLogger("librdkafka")
    logger.addFilter(_ONCE_IN_A_WHILE)
    return logger
