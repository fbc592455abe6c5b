"""The constants of assembly (`docs/assembly.md`)."""

from __future__ import annotations

from dataclasses import dataclass

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

EARLIEST_MS = 946_684_800_000
"""The first moment our schemas admit: 2000-01-01."""
LATEST_MS = 4_102_444_800_000
"""The last: 2100-01-01."""


@dataclass(frozen=True)
class AssemblyConfig:
    """Times of the join, in ms.

    lateness_ms: how far behind the watermark an event still counts (ours: 60 s).
    gap_ms: silence after which a visit closes (given: 30 min).
    activity_interval_ms: how long the sums of closed visits may wait before they are sent (ours: 10 s).
    final_ms: time from the tombstone to the last revision, without the lateness (ours: 24 h).
    marker_ms: time from the tombstone for which later input is still told from a new container (ours: 7 d).
    unclaimed_ms: time from its newest activity for which a container without mutation and tombstone is kept (ours:
        40 d, as long as its hours).
    """

    lateness_ms: int = MINUTE_MS
    gap_ms: int = 30 * MINUTE_MS
    activity_interval_ms: int = 10 * SECOND_MS
    final_ms: int = DAY_MS
    marker_ms: int = 7 * DAY_MS
    unclaimed_ms: int = 40 * DAY_MS

    @property
    def first_revision_ms(self) -> int:
        """Time from the tombstone to revision 1: the reward wait, and until what closed then has come."""
        return self.gap_ms + self.lateness_ms + self.activity_interval_ms

    @property
    def final_revision_ms(self) -> int:
        """Time from the tombstone to the final revision."""
        return self.final_ms + self.lateness_ms
