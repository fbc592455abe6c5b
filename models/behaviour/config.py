"""What an operator may set about the fold (`docs/fold.md`, 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS

MAX_OFFSET_MS = 2**31 - 1
"""Offsets from a visit's start are stored in 32 bits, one of them with a sign."""
MAX_EVENTS = 65_535
"""Counters of events are stored in 16 bits."""


class Limits(NamedTuple):
    """`FoldConfig` as the kernels take it; times in ms."""

    gap_ms: int
    longest_ms: int
    lateness_ms: int
    timer_slack_ms: int
    event_cap: int
    bot_threshold: int
    closing_step_ms: int


@dataclass(frozen=True)
class FoldConfig:
    """The constants of the fold.

    gap_ms: silence in event time, in ms, that splits a session into visits (given: 30 min).
    longest_ms: age of a visit, in ms, at which the next event starts another (given: 24 h).
    lateness_ms: how far behind the watermark, in ms, an event still counts (ours: 60 s).
    timer_slack_ms: how long after its deadline, in ms of watermark, a timer waits for disorder (ours: 2 s).
    event_cap: events folded a visit, at most 65,535 (ours: 10,000).
    bot_threshold: events in one 10 s window above which a visit is a bot's (ours: 300).
    closing_step_ms: visits closed by time are handed over at multiples of this watermark, in ms (given: 10 s, the
        activity interval).

    Raises ValueError where a value cannot be stored or makes no sense.
    """

    gap_ms: int = 30 * MINUTE_MS
    longest_ms: int = 24 * HOUR_MS
    lateness_ms: int = MINUTE_MS
    timer_slack_ms: int = 2 * SECOND_MS
    event_cap: int = 10_000
    bot_threshold: int = 300
    closing_step_ms: int = 10 * SECOND_MS

    def __post_init__(self) -> None:
        for name, low, high in (
            ("gap_ms", 1, MAX_OFFSET_MS),
            ("longest_ms", 1, MAX_OFFSET_MS),
            ("lateness_ms", 0, MAX_OFFSET_MS),
            ("timer_slack_ms", 0, MAX_OFFSET_MS),
            ("event_cap", 1, MAX_EVENTS),
            ("bot_threshold", 1, MAX_EVENTS - 1),
            ("closing_step_ms", 1, MAX_OFFSET_MS),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be {low}..{high}, not {getattr(self, name)}")

    @property
    def limits(self) -> Limits:
        """What the kernels take."""
        return Limits(
            self.gap_ms,
            self.longest_ms,
            self.lateness_ms,
            self.timer_slack_ms,
            self.event_cap,
            self.bot_threshold,
            self.closing_step_ms,
        )
