"""The breaker opens where most of a partition cannot be read, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.breaker import NOTHING_COUNTED, Breaker, BreakerCounts
from topics.errors import BreakerOpen


def breaker(
    ratio: float = 0.5,
    window: int = 100,
    run: int = 10,
    kept: BreakerCounts = NOTHING_COUNTED,
) -> Breaker:
    return Breaker("session-event[3]", ratio, window, run, kept)


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


def test_more_than_a_full_window_could_have_opens_it_at_once() -> None:
    """No need to wait for the rest of the window: what is invalid already is too much of it."""
    one = breaker(window=40, run=1_000)
    one.observe([*range(20)], 20)
    with pytest.raises(BreakerOpen, match=r"21 of 40 records invalid \(limit 50%\)"):
        one.observe([0], 1)


def test_a_worker_that_is_started_again_goes_on_counting() -> None:
    """What an earlier life committed counts; what it saw and took back does not."""
    one = breaker(ratio=1.0)
    one.observe([0, 1, 2, 3], 4)
    one.keep()
    one.observe([0, 1, 2], 3)
    one.take_back()
    assert one.counts == (4, 4, 4)
    again = replace(one, kept=one.kept)
    again.observe([0, 1, 2, 3, 4], 5)
    with pytest.raises(BreakerOpen, match="10 invalid records in a row"):
        again.observe([0], 1)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=40), st.floats(0.1, 1), st.integers(1, 200))
def test_what_a_life_committed_under_these_limits_counts_in_the_next(
    slices: list[tuple[int, int]], ratio: float, window: int
) -> None:
    """Whatever it saw: nothing that the limits in force let pass is taken for what raised ones let through."""
    one = breaker(ratio, window, run=1_000)
    for valid, invalid in slices:
        try:
            one.observe([valid + position for position in range(invalid)], valid + invalid)
        except BreakerOpen:
            break
        one.keep()
    assert replace(one, kept=one.kept).counts == one.kept


@pytest.mark.parametrize("let_through", [BreakerCounts(20, 4, 10), BreakerCounts(90, 51, 0)])
def test_what_raised_limits_let_through_is_no_reason_to_stop(let_through: BreakerCounts) -> None:
    """Back under its own limits it begins anew."""
    assert breaker(kept=let_through).counts == (0, 0, 0)
    assert breaker(kept=BreakerCounts(90, 50, 9)).counts == (90, 50, 9)


@given(st.lists(st.lists(st.booleans(), max_size=30), max_size=30))
def test_few_invalid_records_never_open_it(slices: list[list[bool]]) -> None:
    """As long as a valid record follows each invalid one and they are less than the ratio, it stays closed."""
    one = breaker(ratio=0.6, window=20, run=2)
    for flags in slices:
        invalid = [2 * position for position, bad in enumerate(flags) if bad]
        one.observe(invalid, 2 * len(flags))
