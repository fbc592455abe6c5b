"""The breaker: a partition that yields mostly invalid records is stopped, not emptied into its dead letters."""

from __future__ import annotations

from dataclasses import dataclass

from topics.errors import BreakerOpen


@dataclass
class Breaker:
    """Counts of one partition. The share is taken over windows of `window` records, one after the other."""

    subject: str
    ratio: float
    window: int
    run: int
    _seen: int = 0
    _invalid: int = 0
    _in_a_row: int = 0

    def observe(self, invalid: list[int], total: int, last: str = "") -> None:
        """Take a slice of `total` records of which those at the ascending positions `invalid` were diverted.

        `last` tells of the last of them, for the operator.

        Raises BreakerOpen when too many followed each other, or their share of a window is too large.
        """
        previous = -1
        for position in invalid:
            self._in_a_row = self._in_a_row + 1 if position == previous + 1 else 1
            previous = position
            if self._in_a_row >= self.run:
                self._open(f"{self._in_a_row} invalid records in a row (limit {self.run})", last)
        if previous != total - 1:
            self._in_a_row = 0
        self._seen += total
        self._invalid += len(invalid)
        if self._seen >= self.window:
            if self._invalid > self.ratio * self._seen:
                self._open(f"{self._invalid} of {self._seen} records invalid (limit {self.ratio:.0%})", last)
            self._seen = self._invalid = 0

    def forget(self) -> None:
        """What was observed will be observed again."""
        self._seen = self._invalid = self._in_a_row = 0

    def _open(self, found: str, last: str) -> None:
        raise BreakerOpen(
            f"{self.subject}: {found}. The last: {last or 'not told'}. The records stay where they are and nothing of "
            "this span was committed. Mend the producer; to let this backlog pass into the dead letters, raise "
            "LAM_BREAKER_RUN and LAM_BREAKER_RATIO (1 never opens) until it is through"
        )
