"""The arms a decision chooses between: eligible actions, what is known of each, and their propensities."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import NO_OP, TIER_OF_ACTION
from models.ava.actions import arm_id
from models.ava.catalog import Catalog
from models.ava.catalog_check import RAISED_FRICTIONS
from models.ava.history import NO_FRICTION, NONE_ID, friction_id, friction_number
from models.bandit.best import propensities
from models.bandit.draw import cumulated
from models.bandit.posterior import UNSEEN, Posterior, Prior, belief
from models.bandit.priors import NOTHING_KNOWN, Sums, prior
from models.behaviour.moment import INPUT_PLACE
from schemas.vocabulary import TIERS

EXPLORATORY_A_DAY = 2
"""Exploratory interventions of a visitor and day, at most (given)."""
FORBIDDEN_SETS = 1_024
"""Sets of forbidden actions for which `tiers_to_raise` is kept."""
_EXPLORED_TODAY = INPUT_PLACE["explored_today"]


class KnownArm(NamedTuple):
    """An eligible arm with all its propensity is made of."""

    arm_id: str
    action: str
    posterior: Posterior
    prior: Prior


class Choice:
    """Eligible arms by arm id, and the propensity of each.

    `explored`: the visitor saw enough exploratory interventions for a day, so that of the actions only the likeliest to
    be best is left, with what all of them had; doing nothing keeps its propensity. `likeliest`: the place of that
    action, the first in order of arm ids among equals.
    """

    def __init__(self, arms: Sequence[KnownArm], *, explored: bool = False) -> None:
        self.arms = tuple(sorted(arms))
        no_op = [arm.action for arm in self.arms].index(NO_OP)
        beliefs = [belief(arm.posterior, arm.prior) for arm in self.arms]
        self.propensities = propensities(beliefs, no_op)
        actions = [k for k in range(len(self.arms)) if k != no_op]
        self.likeliest = max(actions, key=lambda k: self.propensities[k])
        if explored:
            self.propensities = _without_exploring(self.propensities, no_op, self.likeliest)

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


def _without_exploring(drawn: tuple[float, ...], no_op: int, likeliest: int) -> tuple[float, ...]:
    """The propensities with those of all actions given to the likeliest."""
    return tuple(drawn[k] if k == no_op else (1.0 - drawn[no_op]) * (k == likeliest) for k in range(len(drawn)))


def explored_enough(features: npt.NDArray[np.float32]) -> bool:
    """Whether a visitor, by the features of an evaluation, float32[128], saw enough exploratory interventions today."""
    return bool(features[_EXPLORED_TODAY] >= EXPLORATORY_A_DAY)


def eligible_actions(catalog: Catalog, friction: int, tier: int, forbidden: Collection[str]) -> tuple[str, ...]:
    """The actions of exactly this tier for a friction, and no_op; none where every action is forbidden."""
    allowed = tuple(action for action in catalog.actions(friction, tier) if action not in forbidden)
    return (*allowed, NO_OP) if allowed else ()


@lru_cache(maxsize=FORBIDDEN_SETS)
def tiers_to_raise(catalog: Catalog, forbidden: frozenset[str]) -> int:
    """Where gate 2 finds an action: bit `k * len(TIERS) + tier` for the k-th of RAISED_FRICTIONS and a tier."""
    bits = 0
    for k, identifier in enumerate(RAISED_FRICTIONS):
        for tier in range(len(TIERS)):
            found = bool(eligible_actions(catalog, friction_number(identifier), tier, forbidden))
            bits |= found << (k * len(TIERS) + tier)
    return bits


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
