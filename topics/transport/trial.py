"""Finding the one record that an agent fails on, or that a process dies of, by halves."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_TRIES = 2
"""Failures at one committed offset after which the range is halved: one failure may have been anything."""

ALONE_RAISED = 1
ALONE_DIED = 3
"""Failures of a record alone that make it guilty: an exception was surely of it, a death may have come from outside."""


@dataclass(frozen=True)
class Trial:
    """What is known of a range of one partition that failed: it failed `tries` times, and what is guilty lies below
    offset `until`; 0 where nothing is under suspicion. `alone`: how often the record before `until`
    failed when nothing else was tried with it, of this partition or another: before the halves begin, others are.

    Offsets may have gaps: a range that holds no record ends well.
    """

    tries: int = 0
    until: int = 0
    alone: int = 0

    @property
    def open(self) -> bool:
        """Whether anything is under suspicion."""
        return self.tries > 0

    @property
    def by_halves(self) -> bool:
        """Whether it failed too often to be tried whole."""
        return self.tries >= WHOLE_TRIES

    def end(self, position: int) -> int | None:
        """Before which offset the next try, from `position`, has to end; None where it may go on."""
        if not self.by_halves:
            return None
        return position + max(1, (self.until - position) // 2)

    def guilty(self, position: int, needed: int) -> bool:
        """Whether the record at `position` is the one, having failed alone as often as is `needed`."""
        return self.alone >= needed and self.until == position + 1

    def failed(self, position: int, end: int) -> Trial:
        """A try failed that went from `position` up to offset `end`, exclusive."""
        alone = self.alone + 1 if self.by_halves and end == position + 1 else 0
        return Trial(self.tries + 1, min(self.until, end) if self.until else end, alone)

    def passed(self, position: int) -> Trial:
        """All below `position` took effect."""
        return Trial() if position >= self.until else self
