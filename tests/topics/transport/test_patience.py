"""Only time in which the process runs is waited."""

from __future__ import annotations

import asyncio
import time

from topics.transport.patience import LOOK_S, Patience


async def test_what_ends_in_time_is_done() -> None:
    """And what had ended before costs nothing."""
    patience = Patience(10.0)
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    assert await patience.done(future, 1.0)
    assert patience.left_s == 10.0


async def test_what_does_not_end_is_given_up_and_left_as_it_is() -> None:
    """After the limit of one wait, or when all patience is spent."""
    patience = Patience(0.15)
    future = asyncio.get_running_loop().create_future()
    assert not await patience.done(future, 0.1)
    assert patience.left_s > 0
    assert not await patience.done(future, 0.1)
    assert patience.left_s <= 0
    assert not future.done()
    assert not await patience.done(future, 0.1)


async def test_what_the_loop_computes_counts_in_full() -> None:
    """An agent that does not let go of it is slow, not frozen."""
    loop = asyncio.get_running_loop()
    began = time.thread_time()

    def compute() -> None:
        while time.thread_time() - began < 2 * LOOK_S:
            pass

    loop.call_soon(compute)
    patience = Patience(10.0)
    assert not await patience.done(loop.create_future(), 1.5 * LOOK_S)
    assert 10.0 - patience.left_s >= 2 * LOOK_S


async def test_time_for_which_the_process_stood_still_is_not_waited() -> None:
    """As one that was frozen, it finds both its limit passed and the work not done yet, and goes on."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def stand_still() -> None:
        time.sleep(2 * LOOK_S)
        loop.call_later(0.01, future.set_result, None)

    loop.call_soon(stand_still)
    patience = Patience(10.0)
    assert await patience.done(future, 1.5 * LOOK_S)
    assert 10.0 - patience.left_s < 1.5 * LOOK_S
