"""The thread of a worker on which whatever blocks on Kafka runs, one call after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class KafkaThread:
    """Consumer, producer and all that stands by them are used here alone."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "lamstream-kafka")

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises, awaited."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    def end(self) -> None:
        """Take no more calls."""
        self._executor.shutdown(wait=False)
