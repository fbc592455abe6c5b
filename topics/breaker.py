"""The breaker: a partition that yields mostly invalid records is stopped, not emptied into its dead letters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from topics.errors import BreakerOpen


class BreakerCounts(NamedTuple):
    """Records seen in the window that is open, how many of them were invalid, and how many were so in a row at last."""

    seen: int = 0
    invalid: int = 0
    in_a_row: int = 0


NOTHING_COUNTED = BreakerCounts()


@dataclass
class Breaker:
    """Counts of one partition. The share is taken over windows of `window` records, one after the other.

    `kept` is what was counted up to the last commit: a worker that is started again and again goes on from there, and
    diverts no more than one that stays.
    """

    subject: str
    ratio: float
    window: int
    run: int
    kept: BreakerCounts = NOTHING_COUNTED
    counts: BreakerCounts = field(init=False)
    """What was observed so far."""

    def __post_init__(self) -> None:
        if self.kept.in_a_row >= self.run or self.kept.invalid > self.ratio * self.window:
            # Other limits let that through, which were raised for it: it is no reason to stop now.
            self.kept = NOTHING_COUNTED
        self.counts = self.kept

    def observe(self, invalid: list[int], total: int, last: str = "") -> None:
        """Take a slice of `total` records of which those at the ascending positions `invalid` were diverted.

        `last` tells of the last of them, for the operator.

        Raises BreakerOpen when too many followed each other, or their share of a window is too large.
        """
        previous, in_a_row = -1, self.counts.in_a_row
        for position in invalid:
            in_a_row = in_a_row + 1 if position == previous + 1 else 1
            previous = position
            if in_a_row >= self.run:
                self._open(f"{in_a_row} invalid records in a row (limit {self.run})", last)
        if previous != total - 1:
            in_a_row = 0
        seen, failed = self.counts.seen + total, self.counts.invalid + len(invalid)
        if failed > self.ratio * max(seen, self.window):
            self._open(f"{failed} of {max(seen, self.window)} records invalid (limit {self.ratio:.0%})", last)
        if seen >= self.window:
            seen = failed = 0
        self.counts = BreakerCounts(seen, failed, in_a_row)

    def keep(self) -> None:
        """What was observed is committed."""
        self.kept = self.counts

    def take_back(self) -> None:
        """What was observed since the last commit will be observed again."""
        self.counts = self.kept

    def _open(self, found: str, last: str) -> None:
        raise BreakerOpen(
            f"{self.subject}: {found}. The last: {last or 'not told'}. The records stay where they are and nothing of "
            "this span was committed. Mend the producer; to let this backlog pass into the dead letters, raise "
            "LAM_BREAKER_RUN and LAM_BREAKER_RATIO (1 never opens) until it is through"
        )
