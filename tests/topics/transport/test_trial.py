"""Halving ends with the guilty record alone, and costs no more tries than halves."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from topics.transport.trial import ALONE_DIED, ALONE_RAISED, WHOLE_TRIES, Trial


class Stream:
    """Records at ascending offsets, of which some are poison; a try that holds one fails."""

    def __init__(self, offsets: list[int], poison: set[int]) -> None:
        self.offsets, self.poison = offsets, poison
        self.position, self.trial = 0, Trial()
        self.done: list[int] = []
        self.dead: list[int] = []
        self.failures = 0

    def turn(self, polled: int) -> None:
        waiting = [offset for offset in self.offsets if offset >= self.position][:polled]
        if waiting[:1] == [self.position] and self.trial.guilty(self.position, ALONE_RAISED):
            self.dead.append(self.position)
            self._reach(self.position + 1)
            return
        end = self.trial.end(self.position)
        tried = [offset for offset in waiting if end is None or offset < end]
        until = waiting[-1] + 1 if end is None else end
        if self.poison.intersection(tried):
            self.failures += 1
            self.trial = self.trial.failed(self.position, tried[-1] + 1)
        else:
            self.done += tried
            self._reach(until)

    def _reach(self, position: int) -> None:
        self.position = position
        self.trial = self.trial.passed(position)


@given(
    st.sets(st.integers(0, 300), min_size=1),
    st.integers(1, 64),
    st.data(),
)
def test_only_the_guilty_are_put_aside(offsets: set[int], polled: int, data: st.DataObject) -> None:
    """Whatever the gaps and wherever the poison: each poison record is put aside, each other is done once, in order."""
    ordered = sorted(offsets)
    poison = set(data.draw(st.lists(st.sampled_from(ordered), max_size=4)))
    stream = Stream(ordered, poison)
    turns = 0
    while stream.position <= ordered[-1]:
        stream.turn(polled)
        turns += 1
        assert turns < 10_000
    assert stream.dead == sorted(poison)
    assert stream.done == [offset for offset in ordered if offset not in poison]


def test_one_poison_record_costs_as_many_failures_as_halves() -> None:
    """A record among 10,000 is found after the whole tries and log2 of the range."""
    stream = Stream(list(range(10_000)), {6_789})
    while stream.position < 10_000:
        stream.turn(10_000)
    assert stream.failures <= WHOLE_TRIES + math.ceil(math.log2(10_000)) + 2


def test_a_failure_that_does_not_come_back_leaves_no_suspicion() -> None:
    """Once the range took effect it is whole again."""
    assert not Trial().failed(0, 50).passed(50).open
    assert Trial().failed(0, 50).passed(49).open


def test_a_record_that_failed_beside_others_is_not_guilty() -> None:
    """Whole tries take what other partitions have along: a lone record among those may have died of theirs."""
    once = Trial().failed(7, 8)
    twice = once.failed(7, 8)
    assert not once.guilty(7, ALONE_RAISED)
    assert not twice.guilty(7, ALONE_RAISED)
    thrice = twice.failed(7, 8)
    assert thrice.guilty(7, ALONE_RAISED)
    assert not thrice.guilty(7, ALONE_DIED)


def test_deaths_alone_must_follow_each_other() -> None:
    """What kills a worker from outside hits the same lone record only by chance."""
    trial = Trial(tries=WHOLE_TRIES, until=8)
    for _ in range(ALONE_DIED):
        assert not trial.guilty(7, ALONE_DIED)
        trial = trial.failed(7, 8)
    assert trial.guilty(7, ALONE_DIED)
    assert not trial.passed(8).open
