"""What must be known of a site once its visits closed: sessions, and the medians of dwell and scroll depth.

Histograms have 64 bins (docs/decisions.md, D27): bin 0 is exactly 0, bin k ends at 86,400^((k-1)/62) s of dwell, from
1 s to a day, or at k/63 of scroll depth; an end belongs to its bin.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

BINS = 64
DWELL_MOST_S = 86_400.0
DWELL_ENDS_S = [0.0, *(DWELL_MOST_S ** (k / (BINS - 2)) for k in range(BINS - 1))]
SCROLL_ENDS = [k / (BINS - 1) for k in range(BINS)]
MEDIAN_VISITS = 30
"""Visits under which no median is told (ours)."""
REGIME_BOUNDS = (100, 1_000)
"""Sessions at which a site's regime changes (given): always told."""
GROWTH, MEDIAN_MOVE = 0.05, 0.01
"""What is told at the latest: so many more sessions, a median moved by so much (D28), of what was told."""


@dataclass
class SiteSums:
    """Visits closed, and how many fall into each bin."""

    visits: int = 0
    dwell: list[int] = field(default_factory=lambda: [0] * BINS)
    scroll: list[int] = field(default_factory=lambda: [0] * BINS)

    def add(self, dwell_s: float, scroll: float) -> None:
        """Count a visit."""
        self.visits += 1
        self.dwell[bin_of(dwell_s, DWELL_ENDS_S)] += 1
        self.scroll[bin_of(scroll, SCROLL_ENDS)] += 1

    def take(self, visits: int, dwell: Sequence[int], scroll: Sequence[int]) -> None:
        """Count the visits of a site-delta; a histogram cut short lacks its last bins."""
        self.visits += visits
        for own, theirs in ((self.dwell, dwell), (self.scroll, scroll)):
            for k, count in enumerate(theirs):
                own[k] += count

    @property
    def dwell_median_s(self) -> float | None:
        """None while there are too few visits, as is the next."""
        return median(self.dwell, DWELL_ENDS_S) if self.visits >= MEDIAN_VISITS else None

    @property
    def scroll_median(self) -> float | None:
        """Of the highest scroll depth of each visit, 0-1."""
        return median(self.scroll, SCROLL_ENDS) if self.visits >= MEDIAN_VISITS else None


def bin_of(value: float, ends: Sequence[float]) -> int:
    """The bin that a value counts in; above the last end, the last."""
    return min(bisect_left(ends, value), BINS - 1)


def median(bins: Sequence[int], ends: Sequence[float]) -> float | None:
    """Where half of the visits lie below, the visits of its bin taken as spread evenly over it; None for no visits."""
    half, below = sum(bins) / 2, 0
    for k, count in enumerate(bins):
        if count and below + count >= half:
            return ends[k - 1] + (half - below) / count * (ends[k] - ends[k - 1]) if k else 0.0
        below += count
    return None


def is_news(told: int, sessions: int) -> bool:
    """Whether so many sessions must have been told where `told` was the last number."""
    return any(told < bound <= sessions for bound in REGIME_BOUNDS) or sessions - told >= max(1.0, GROWTH * told)


def has_moved(told: float | None, now: float | None) -> bool:
    """Whether a median must have been told again."""
    if told is None or now is None:
        return told is not now
    return now != told and abs(now - told) >= MEDIAN_MOVE * told
