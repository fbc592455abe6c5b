"""Rewards summed exactly: a reward is a whole number of quanta, 2^-12 each (docs/decisions.md, D26)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

QUANTA = 2**12
"""Of a reward, in 1."""


class Sums(NamedTuple):
    """`n` rewards, their sum in quanta and the sum of their squares in quanta squared; integers, so nothing rounds."""

    n: int = 0
    quanta: int = 0
    squares: int = 0

    @property
    def total(self) -> float:
        """Sum of the rewards, as the stream's float64 must hold it to the bit."""
        return self.quanta / QUANTA

    @property
    def total_sq(self) -> float:
        """Sum of their squares, to the bit."""
        return self.squares / QUANTA**2

    @property
    def mean(self) -> float:
        """Mean reward, 0-1; `n` is not 0."""
        return self.quanta / (self.n * QUANTA)

    @property
    def variance(self) -> float:
        """Unbiased variance; `n` is above 1."""
        return (self.n * self.squares - self.quanta**2) / (self.n * (self.n - 1) * QUANTA**2)

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(self.n + other.n, self.quanta + other.quanta, self.squares + other.squares)

    def less(self, part: Sums) -> Sums:
        """What remains without a part."""
        return Sums(self.n - part.n, self.quanta - part.quanta, self.squares - part.squares)


def in_quanta(reward: float) -> int:
    """A reward as a whole number of quanta.

    Raises ValueError where it is none: sums of such rewards would depend on their order.
    """
    quanta = reward * QUANTA
    if quanta != int(quanta):
        raise ValueError(f"found a reward of {reward!r}; expected a multiple of 1/{QUANTA}")
    return int(quanta)


def summed(rewards: Iterable[int]) -> Sums:
    """Rewards in quanta, added up."""
    n = total = squares = 0
    for one in rewards:
        n, total, squares = n + 1, total + one, squares + one * one
    return Sums(n, total, squares)
