"""What the numbered load promises to those who recompute from it."""

from __future__ import annotations

from itertools import islice

from tests.system.load import POLLED, SLOTS, Load

ROUNDS = 4
PARTITIONS = 6
TWICE = 0.01


def test_the_same_seed_gives_the_same_input() -> None:
    """Byte for byte; another seed gives another."""
    one, other, same = Load(1, 100), Load(2, 100), Load(1, 100)
    for _ in range(ROUNDS):
        made = one.round()
        assert made == same.round()
        assert made != other.round()
    assert list(islice(one.containers(1_000), 50)) == list(islice(same.containers(1_000), 50))


def test_a_session_sends_once_a_round() -> None:
    """So that a partition's share of a round lies between two of its events, and no poll is as long as that."""
    load = Load(1)
    for _ in range(2):
        sessions = [one.key for one in load.round()]
        assert len(set(sessions)) == SLOTS
    assert POLLED < 0.9 * SLOTS / PARTITIONS


def test_hardly_anything_is_sent_twice() -> None:
    """A slot now and then sends what it sent before, and everything else is new."""
    load = Load(1, 1_000)
    values = [one.value for _ in range(ROUNDS) for one in load.round()]
    assert 0 < len(values) - len(set(values)) < TWICE * len(values)
