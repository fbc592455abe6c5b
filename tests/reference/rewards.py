"""The reward of a visit, or of the time after a decision: r = .2 + .5 y + .3 e - .2 b (DOMAIN.md, 6)."""

from __future__ import annotations

from typing import NamedTuple

from tests.reference.sites import DWELL_MEDIAN_S, SCROLL_MEDIAN

QUANTUM = 2.0**-12
"""Rewards are multiples of this (docs/decisions.md, D26); a tie goes to the even one."""
BOUNCE_S = 5


class Reward(NamedTuple):
    """A reward, and what it was made of."""

    reward: float
    engagement: float
    bounced: bool


def reward(*, converted: bool, dwell_s: float, scroll: float, pages: int, span_s: float) -> Reward:
    """By the medians of a site of which none is known."""
    engagement = 0.5 * min(1.0, dwell_s / (2 * DWELL_MEDIAN_S))
    engagement += 0.5 * min(1.0, scroll / (2 * SCROLL_MEDIAN))
    bounced = pages <= 1 and span_s < BOUNCE_S
    worth = 0.2 + 0.5 * converted + 0.3 * engagement - 0.2 * bounced
    return Reward(quantized(worth), engagement, bounced)


def quantized(worth: float) -> float:
    """The nearest multiple of QUANTUM."""
    return round(worth / QUANTUM) * QUANTUM
