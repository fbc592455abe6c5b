"""The breaker opens where most of a partition cannot be read, and only there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.breaker import Breaker
from topics.errors import BreakerOpen


def breaker(ratio: float = 0.5, window: int = 100, run: int = 10) -> Breaker:
    return Breaker("session-event[3]", ratio, window, run)


def test_a_run_over_several_slices_opens_it() -> None:
    """Invalid records in a row count across slices; the message names the partition, the count and the limit."""
    one = breaker(ratio=1.0)
    one.observe([2, 3, 4, 5], 6)
    with pytest.raises(BreakerOpen, match=r"session-event\[3\]: 10 invalid records in a row \(limit 10\)"):
        one.observe([0, 1, 2, 3, 4, 5], 8)


def test_a_valid_record_ends_a_run() -> None:
    """A run that a valid record interrupts begins anew."""
    one = breaker(ratio=1.0)
    for _ in range(10):
        one.observe([0, 1, 2, 3, 4, 5, 6, 7, 8], 10)


def test_too_large_a_share_of_a_window_opens_it() -> None:
    """More than half of the records invalid opens a breaker at one half, once the window is full."""
    one = breaker(window=40)
    one.observe(list(range(0, 20, 2)), 20)
    with pytest.raises(BreakerOpen, match=r"22 of 42 records invalid \(limit 50%\)"):
        one.observe([*range(0, 22, 2), 21], 22)


@given(st.lists(st.lists(st.booleans(), max_size=30), max_size=30))
def test_few_invalid_records_never_open_it(slices: list[list[bool]]) -> None:
    """As long as a valid record follows each invalid one and they are less than the ratio, it stays closed."""
    one = breaker(ratio=0.6, window=20, run=2)
    for flags in slices:
        invalid = [2 * position for position, bad in enumerate(flags) if bad]
        one.observe(invalid, 2 * len(flags))
