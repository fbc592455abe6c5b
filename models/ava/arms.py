"""The arms a decision chooses between: eligible actions, what is known of each, and their propensities."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from models.ava.actions import NO_OP, TIER_OF_ACTION, arm_id
from models.ava.catalog import Catalog
from models.ava.history import NO_FRICTION, NONE_ID, friction_id
from models.bandit.best import propensities
from models.bandit.draw import cumulated
from models.bandit.posterior import UNSEEN, Posterior, Prior, belief
from models.bandit.priors import NOTHING_KNOWN, Sums, prior


class KnownArm(NamedTuple):
    """An eligible arm with all its propensity is made of."""

    arm_id: str
    action: str
    posterior: Posterior
    prior: Prior


class Choice:
    """Eligible arms by arm id, and the propensity of each."""

    def __init__(self, arms: Sequence[KnownArm]) -> None:
        self.arms = tuple(sorted(arms))
        beliefs = [belief(arm.posterior, arm.prior) for arm in self.arms]
        self.propensities = propensities(beliefs, [arm.action for arm in self.arms].index(NO_OP))

    @cached_property
    def upto(self) -> tuple[float, ...]:
        """The propensities summed up to each arm."""
        return cumulated(self.propensities)

    @cached_property
    def told(self) -> tuple[dict[str, Any], ...]:
        """The arms as a `decision` record has them; every decision of the choice shares them, so change none."""
        return tuple(
            {
                "arm_id": arm.arm_id,
                "action": arm.action,
                "propensity": propensity,
                "n": arm.posterior.n,
                "reward_sum": arm.posterior.reward_sum,
                "reward_sum_sq": arm.posterior.reward_sum_sq,
                "prior_mean": arm.prior.mean,
                "prior_n": arm.prior.n,
                "posterior_offset": arm.posterior.offset,
            }
            for arm, propensity in zip(self.arms, self.propensities, strict=True)
        )


def eligible_actions(catalog: Catalog, friction: int, tier: int, forbidden: Collection[str]) -> tuple[str, ...]:
    """The actions of exactly this tier for a friction, and no_op; none where every action is forbidden."""
    allowed = tuple(action for action in catalog.actions(friction, tier) if action not in forbidden)
    return (*allowed, NO_OP) if allowed else ()


class SiteKnowledge:
    """What the arms of a site have earned, summed by level."""

    def __init__(self, site_id: str, catalog: Catalog, posteriors: Mapping[str, Posterior]) -> None:
        self._site_id = site_id
        self._catalog = catalog
        self._known: dict[str, Posterior] = {}
        self._by_category: dict[tuple[str, str], Sums] = {}
        self._by_tier: dict[int | None, Sums] = {}
        for identifier, category, action in _all_arms(catalog):
            arm = arm_id(site_id, identifier, action)
            posterior = posteriors.get(arm)
            if posterior is None:
                continue
            self._known[arm] = posterior
            tier = TIER_OF_ACTION.get(action)
            self._by_category[category, action] = self._by_category.get((category, action), NOTHING_KNOWN).plus(
                posterior
            )
            self._by_tier[tier] = self._by_tier.get(tier, NOTHING_KNOWN).plus(posterior)

    def arm(self, friction: int, action: str) -> KnownArm:
        """An arm of the site with its posterior and prior; all no_op arms stand for their tier."""
        arm = arm_id(self._site_id, friction_id(friction), action)
        posterior = self._known.get(arm, UNSEEN)
        category = self._by_category.get((self._catalog.category(friction), action), NOTHING_KNOWN)
        tier = self._by_tier.get(TIER_OF_ACTION.get(action), NOTHING_KNOWN)
        return KnownArm(arm, action, posterior, prior(category.without(posterior), None, tier.without(posterior)))


def _all_arms(catalog: Catalog) -> list[tuple[str, str, str]]:
    """Friction, category and action of every arm a site can have."""
    arms = [(f.id, f.category, action) for f in catalog.frictions for action in (*f.actions, NO_OP)]
    return arms + [(NONE_ID, catalog.category(NO_FRICTION), action) for action in (*catalog.none, NO_OP)]
