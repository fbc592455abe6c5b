"""Which keys wait for a moment, found without looking at all of them."""

from __future__ import annotations

import heapq

STALE_ENTRIES = 1024
"""Entries that no longer hold, above which (and above the number of keys) they are cleared away."""


class DueIndex:
    """The due time of each key, ms since the epoch; a key without one waits for nothing."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._due)

    def get(self, key: str) -> int | None:
        """The key's due time."""
        return self._due.get(key)

    def set(self, key: str, due: int | None) -> None:
        """Let the key wait for `due`, or for nothing."""
        if self._due.get(key) == due:
            return
        if due is None:
            del self._due[key]
        else:
            self._due[key] = due
            heapq.heappush(self._heap, (due, key))
        if len(self._heap) > 2 * len(self._due) + STALE_ENTRIES:
            self._heap = [(at, waiting) for waiting, at in self._due.items()]
            heapq.heapify(self._heap)

    def until(self, watermark: int) -> list[str]:
        """Keys due at or before the watermark, by due time and key; they stay due until they are set anew."""
        found: list[tuple[int, str]] = []
        while self._heap and self._heap[0][0] <= watermark:
            entry = heapq.heappop(self._heap)
            if self._due.get(entry[1]) == entry[0] and entry not in found[-1:]:
                found.append(entry)
        for entry in found:
            heapq.heappush(self._heap, entry)
        return [key for _, key in found]
