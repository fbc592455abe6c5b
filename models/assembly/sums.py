"""Rewards summed: their count, sum and sum of squares, which add up and tell mean and variance."""

from __future__ import annotations

from typing import NamedTuple


class Sums(NamedTuple):
    """`n` rewards, each 0-1, their sum and the sum of their squares."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)

    def less(self, part: Sums) -> Sums:
        """What remains without a part of them."""
        return Sums(self.n - part.n, self.total - part.total, self.squares - part.squares)

    @property
    def mean(self) -> float:
        """Mean of the rewards, 0-1; `n` must not be 0."""
        return _within_0_and_1(self.total / self.n)

    @property
    def variance(self) -> float:
        """Unbiased variance of the rewards; `n` must be above 1."""
        return _within_0_and_1((self.squares - self.total * self.total / self.n) / (self.n - 1))


NONE = Sums()
"""No rewards."""


def _within_0_and_1(value: float) -> float:
    # Sums of rewards within 0 and 1 leave that range by rounding alone.
    return min(max(value, 0.0), 1.0)
