"""The constants of docs/fold.md, section 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Config:
    """Times in milliseconds, the others in events."""

    gap_ms: int = 1_800_000
    """A visit ends after this long without an event."""
    longest_ms: int = 86_400_000
    """No visit is longer."""
    lateness_ms: int = 60_000
    """How far behind the watermark an event may be and still be folded."""
    slack_ms: int = 2_000
    """How far the watermark must have passed a timer's deadline."""
    cap: int = 10_000
    """Events folded of one visit."""
    bot_threshold: int = 300
    """More events than this in one 10 s window are a bot's."""
    closing_step_ms: int = 10_000
    """Visits closed without a record of their own are handed over at multiples of this watermark."""
    clock: Literal["wall", "event"] = "wall"
    """What stands in for `received_at`: Kafka's timestamp, or `sent_at`."""
