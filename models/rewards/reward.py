"""The reward of a visit, or of the time after a decision: r = .2 + .5 y + .3 e - .2 b (DOMAIN.md, 6).

Rewards are multiples of `QUANTUM`, so that sums of them are exact and therefore the same in every order and grouping:
n rewards sum to an integer times 2^-12, n squares to an integer times 2^-24, both at most n. Float64 holds every
integer up to 2^53 without rounding, so no addition rounds as long as n <= 2^53 * 2^-24 = `EXACT_REWARDS`, 537 million
rewards of one arm. What a reward loses by it is at most half a quantum, .00012, under a thousandth of its spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

QUANTUM = 2.0**-12
"""Rewards are multiples of this."""
EXACT_REWARDS = 2**29
"""Sums of rewards and of their squares are exact up to so many rewards."""


@dataclass(frozen=True)
class RewardWeights:
    """Weights and thresholds of the session reward (DOMAIN.md, 6)."""

    base: float = 0.2
    """What keeps rewards in [0, 1] (given weights, shifted)."""
    conversion: float = 0.5
    engagement: float = 0.3
    bounce: float = 0.2
    bounce_pages: int = 1
    """A bounce saw no more pages than this."""
    bounce_s: float = 5.0
    """A bounce is shorter than this, s."""
    full_medians: float = 2.0
    """Dwell or scroll depth of so many medians of the site is full engagement."""
    dwell_median_s: float = 60.0
    """Of a site of which it is not known, s."""
    scroll_median: float = 0.5
    """Of a site of which it is not known, 0-1."""


WEIGHTS = RewardWeights()


class Rewards(NamedTuple):
    """Rewards and what they were made of; all arrays are `[n]`."""

    reward: Floats
    """float64, 0-1, multiples of QUANTUM."""
    engagement: Floats
    """float64, 0-1."""
    bounced: Flags
    """bool."""


def rewards(
    converted: Flags,
    dwell_s: Floats,
    scroll: Floats,
    pages: npt.NDArray[np.integer],
    span_s: Floats,
    dismissed: Flags,
    no_event: Flags,
    dwell_median_s: Floats,
    scroll_median: Floats,
) -> Rewards:
    """The reward of each of n visits or windows; all arguments are `[n]`, finite, and not negative.

    `converted`: a purchase; `dwell_s`: active s; `scroll`: highest depth, 0-1; `pages`: page views; `span_s`: s from
    the first event to the last; `dismissed`: the intervention was dismissed, so that r = 0; `no_event`: nothing came
    in the window, so that e = 0, b = 1 and r = 0. `dwell_median_s` and `scroll_median` are the site's; the defaults
    stand in for those that are NaN or 0, since most visits of such a site report nothing.
    """
    engagement = 0.5 * _share(dwell_s, dwell_median_s, WEIGHTS.dwell_median_s)
    engagement += 0.5 * _share(scroll, scroll_median, WEIGHTS.scroll_median)
    engagement[no_event] = 0.0
    bounced = no_event | ((pages <= WEIGHTS.bounce_pages) & (span_s < WEIGHTS.bounce_s))
    reward = WEIGHTS.base + WEIGHTS.conversion * converted + WEIGHTS.engagement * engagement - WEIGHTS.bounce * bounced
    reward[dismissed | no_event] = 0.0
    return Rewards(quantized(reward), engagement, bounced)


def quantized(reward: Floats) -> Floats:
    """The nearest multiple of QUANTUM, float64[n]; ties go to the even one."""
    return np.rint(reward / QUANTUM) * QUANTUM


def _share(amount: Floats, median: Floats, default: float) -> Floats:
    """How much of full engagement an amount is, 0-1."""
    known = np.where(median > 0, median, default)
    return np.minimum(1.0, amount / (WEIGHTS.full_medians * known))
