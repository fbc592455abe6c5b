"""Which key has which row, and which rows are free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

KEY_BYTES_ESTIMATE = 190
"""A key's string of 36 characters, its number, and their places in the dictionary and the list, measured."""


class KeyIndex:
    """Keys and the numbers of their rows, from 0 on without gaps but for those that were given back."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._keys: list[str | None] = []
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __contains__(self, key: object) -> bool:
        return key in self._numbers

    @property
    def used(self) -> int:
        """One more than the highest number ever taken."""
        return len(self._keys)

    def numbers(self) -> Int64s:
        """The number of each key, `int64[len(self)]` in the order of iteration."""
        return np.fromiter(self._numbers.values(), np.int64, len(self._numbers))

    def get(self, key: str) -> int | None:
        """The key's number."""
        return self._numbers.get(key)

    def keys(self, numbers: Int64s) -> list[str]:
        """The keys of numbers.

        Raises LookupError where one has none.
        """
        keys = self._keys
        found = [keys[number] for number in numbers.tolist()]
        if None in found:
            raise LookupError(f"row {numbers[found.index(None)]} is not in use")
        return cast("list[str]", found)

    def find_or_take(self, keys: Sequence[str]) -> tuple[Int64s, Int64s]:
        """The number of each of the distinct keys, and the numbers among them that were free before."""
        find = self._numbers.get
        numbers = np.array([find(key, -1) for key in keys], np.int64)
        missing = np.flatnonzero(numbers < 0)
        taken = self.take([keys[position] for position in missing.tolist()])
        numbers[missing] = taken
        return numbers, taken

    def take(self, keys: Sequence[str]) -> Int64s:
        """Numbers for distinct keys that have none: those given back first."""
        reused = self._free[max(0, len(self._free) - len(keys)) :]
        del self._free[len(self._free) - len(reused) :]
        numbers = [*reused, *range(self.used, self.used + len(keys) - len(reused))]
        self._numbers.update(zip(keys, numbers, strict=True))
        for number, key in zip(reused, keys, strict=False):
            self._keys[number] = key
        self._keys.extend(keys[len(reused) :])
        return np.array(numbers, np.int64)

    def extend(self, keys: Sequence[str]) -> Int64s:
        """Numbers that were never taken, in order, for distinct keys that have none."""
        numbers = range(self.used, self.used + len(keys))
        self._numbers.update(zip(keys, numbers, strict=True))
        self._keys.extend(keys)
        return np.arange(numbers.start, numbers.stop)

    def link(self, key: str, number: int) -> None:
        """The key has the number again."""
        self._numbers[key] = number
        self._keys[number] = key

    def unlink(self, numbers: Iterable[int]) -> None:
        """Forget the keys of numbers, where they have one; they are not free yet."""
        for number in numbers:
            key, self._keys[number] = self._keys[number], None
            if key is not None:
                del self._numbers[key]

    def give_back(self, numbers: Iterable[int]) -> None:
        """Numbers without a key may be taken again."""
        self._free.extend(numbers)
