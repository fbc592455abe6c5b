"""Draws of one random process of the shop, from a generator of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")

ARRIVALS, JOURNEYS, WIRES, GALLERIES, LABORATORY = range(5)
"""Kinds of random processes: the first part of their keys, after the seed."""


class Dice:
    """Scalar draws, which are many times cheaper here than numpy's own functions for one value."""

    __slots__ = ("_generator", "random")

    def __init__(self, *key: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))
        self.random = self._generator.random
        """Uniform on [0, 1)."""

    def chance(self, share: float) -> bool:
        """True with this probability."""
        return self.random() < share

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self.random() * limit)

    def between(self, low: float, high: float) -> float:
        """Uniform on [low, high)."""
        return low + (high - low) * self.random()

    def wait(self, mean: float) -> float:
        """Exponential."""
        return -mean * math.log(1.0 - self.random())

    def normal(self) -> float:
        """Standard normal."""
        return self._generator.standard_normal()

    def pick(self, values: Sequence[T]) -> T:
        """One of the values, each as likely."""
        return values[int(self.random() * len(values))]

    def uuid(self) -> str:
        """Text of the form of a random UUID."""
        digits = self._generator.bytes(16).hex()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


class Weighted(Generic[T]):
    """Values with weights, to be drawn."""

    def __init__(self, weights: dict[T, float]) -> None:
        total = sum(weights.values())
        self._bounded = tuple(zip(weights, accumulate(weight / total for weight in weights.values()), strict=True))

    def draw(self, dice: Dice) -> T:
        """One of the values, by weight."""
        at = dice.random()
        for value, bound in self._bounded:
            if at < bound:
                return value
        return self._bounded[-1][0]
