"""What must be known of each arm: the sums of all its rewards (docs/live.md, sections 4 and 5; DOMAIN 6).

The beliefs that follow (Beta up to 100 rewards, Normal above) stand in decisions, not in arm-posterior, and are part of
deciding. How many records of an arm there are, and what an older one said, depends on batches: the newest is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.reference.sums import Sums, in_quanta

HOLDOUT = "holdout"


class Arm(NamedTuple):
    """An arm's site and the sums of its rewards."""

    site_id: str
    rewards: Sums

    @property
    def record(self) -> dict[str, Any]:
        """The newest record of arm-posterior.avsc, without its key."""
        n, total, squares = self.rewards.n, self.rewards.total, self.rewards.total_sq
        return {"site_id": self.site_id, "n": n, "reward_sum": total, "reward_sum_sq": squares}


def expected_posteriors(rewards: Iterable[Mapping[str, Any]]) -> dict[str, Arm]:
    """By arm, from records of reward-update.avsc in any order, of decisions and containers; the holdout's aside."""
    arms: dict[str, Arm] = {}
    for one in rewards:
        if one["result"] == HOLDOUT:
            continue
        quanta = in_quanta(one["reward"])
        known = arms.get(one["arm_id"]) or Arm(one["site_id"], Sums())
        arms[one["arm_id"]] = Arm(known.site_id, known.rewards.plus(Sums(1, quanta, quanta * quanta)))
    return arms
