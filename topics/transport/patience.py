"""Waiting for so many seconds in which this process runs: while it is frozen, or starved, none of them pass.

What the event loop's thread computes meanwhile counts in full: an agent that does not let go of it is slow, not frozen.
"""

from __future__ import annotations

import asyncio
import time

LOOK_S = 0.5
"""The most that counts of one wait of the event loop, however late it comes back from it."""


class Patience:
    """`left_s` seconds to wait in all, over several waits."""

    def __init__(self, left_s: float) -> None:
        self.left_s = left_s

    async def done(self, waited_for: asyncio.Future[None], limit_s: float) -> bool:
        """Whether it was done within `limit_s`, and before patience was at its end; it is not cancelled where not."""
        end_s = self.left_s - min(limit_s, self.left_s)
        while not waited_for.done():
            if self.left_s <= end_s:
                return False
            look_s = min(LOOK_S, self.left_s - end_s)
            began, computed = time.monotonic(), time.thread_time()
            await asyncio.wait({waited_for}, timeout=look_s)
            passed_s = min(look_s, time.monotonic() - began)
            self.left_s -= max(passed_s, time.thread_time() - computed)
        return True
