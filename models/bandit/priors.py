"""The prior of an arm, from what is known of its neighbours (DOMAIN 7, given).

friction x action at the site (the arm itself) <- category x action at the site <- vertical <- tier at the site. Each
level gives the one below it a mean worth 10 sessions: m = (sum r + 10 m_above) / (n + 10), and the top one is held to
0.5. An arm's own rewards count once: levels above are summed over the *other* arms. An arm's belief is then
Beta(1 + k m + sum r, 1 + k (1 - m) + n - sum r), k = 10 where any level above knows something, else 0.
"""

from __future__ import annotations

from typing import NamedTuple

from models.bandit.posterior import Posterior, Prior

LEVEL_SESSIONS = 10.0
"""What a level's mean is worth to the one below it, in sessions (given)."""
TOP_MEAN = 0.5
"""What the mean of the top level is held to (ours)."""


class Sums(NamedTuple):
    """Rewards of several arms together."""

    n: int
    reward_sum: float

    def plus(self, posterior: Posterior) -> Sums:
        """With the rewards of one more arm."""
        return Sums(self.n + posterior.n, self.reward_sum + posterior.reward_sum)

    def without(self, posterior: Posterior) -> Sums:
        """Less the rewards of one of the arms in it."""
        return Sums(self.n - posterior.n, self.reward_sum - posterior.reward_sum)


NOTHING_KNOWN = Sums(0, 0.0)


def prior(category: Sums, vertical: Prior | None, tier: Sums) -> Prior:
    """The prior of an arm from its neighbours' rewards, its own left out.

    category: arms of the same action for frictions of the same category at the site; vertical: what the sites of the
    vertical know of it, None where none told; tier: arms of the same tier at the site.
    """
    mean = _level(tier, TOP_MEAN)
    if vertical is not None:
        mean = (vertical.n * vertical.mean + LEVEL_SESSIONS * mean) / (vertical.n + LEVEL_SESSIONS)
    mean = _level(category, mean)
    known = category.n > 0 or tier.n > 0 or (vertical is not None and vertical.n > 0)
    return Prior(mean, LEVEL_SESSIONS if known else 0.0)


def _level(sums: Sums, above: float) -> float:
    mean = (sums.reward_sum + LEVEL_SESSIONS * above) / (sums.n + LEVEL_SESSIONS)
    return min(max(mean, 0.0), 1.0)
