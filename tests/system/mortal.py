"""A worker whose agent ends its process on certain records; `test_poison` runs it, `python -m tests.system.mortal`."""

from __future__ import annotations

import asyncio
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

import numpy as np

from tests.topics.engine import Engine, count, running
from topics.lag import lags
from topics.settings import load_settings
from topics.transport.batch import RecordBatch, Unit

MARK = "poison"
ROOM = 64 * 2**20
LOOK_S = 0.2


def segfault() -> None:
    """As a fault in a library does."""
    ctypes.string_at(0)


def killed() -> None:
    """As the kernel does where memory is exhausted."""
    os.kill(os.getpid(), signal.SIGKILL)


def exhausted() -> None:
    """As an allocator does where there is a limit."""
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: SIM115
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    try:
        np.ones(2 * ROOM, np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


ENDS: dict[str, Callable[[], None]] = {"segfault": segfault, "killed": killed, "exhausted": exhausted}


async def main(end: str) -> None:
    """Work until everything is read, or death."""
    settings = load_settings()

    async def die_of_it(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        await count(engine, batch, unit)
        if any(name.startswith(MARK) for name in batch.columns.column("event_id").to_pylist()):
            ENDS[end]()

    def read() -> bool:
        return all(one.lag == 0 for one in lags(settings) if one.topic.endswith("session-event"))

    async with running(settings, die_of_it) as engine:
        while not await asyncio.to_thread(read):
            assert engine.app.stream_consumer.crash_reason is None
            await asyncio.sleep(LOOK_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
