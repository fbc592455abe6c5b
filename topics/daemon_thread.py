"""Calls that may never come back, such as those that wait for a disk or a broker."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def on_daemon_thread(name: str, call: Callable[[], T]) -> Future[T]:
    """What the call comes to, on a thread of its own, for which the process's end does not wait.

    The threads of a ThreadPoolExecutor are joined there, however long they take.
    """
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return outcome
