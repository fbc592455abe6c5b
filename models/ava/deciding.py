"""From evaluations to conclusions: verdicts by the kernel, then arms and a draw for the few that conclude something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import NO_OP
from models.ava.arms import Choice, SiteKnowledge, eligible_actions, explored_enough
from models.ava.catalog import Catalog
from models.ava.conditions import NO_ACTION, condition_code
from models.ava.draws import Draws, sample_threshold
from models.ava.gates import CONSENT_WITHHELD, HOLDOUT
from models.ava.judging import Verdicts, judge
from models.ava.sites import SiteContext, site_table
from models.bandit.draw import choose
from models.bandit.posterior import Posterior
from models.behaviour.codes import TIMERS
from models.behaviour.moment import INPUT_PLACE, INPUTS
from models.signals import SIGNALS
from schemas.errors import LamstreamError

SAMPLE_RATE = 0.01
"""Share of evaluations without a conclusion that are recorded (given)."""
LARGEST_BOUND = 100.0
"""A signal's whole range."""
BY_EVENT = -1
"""In place of a timer: an event led to the evaluation."""
FIRED, DID_NOTHING, HELD_OUT, SUPPRESSED = "fire", "no_op", "holdout", "suppress"

_EVENTS = INPUT_PLACE["events"]
_OF_TIMER = (*(f":{timer}" for timer in TIMERS), "")
"""What each timer adds to a moment, and nothing in the place of BY_EVENT, which is the last."""
_NO_ACTION = condition_code(NO_ACTION)


class DecidingError(LamstreamError):
    """Evaluations, or how to decide them, that do not hold."""


class Evaluations(NamedTuple):
    """e evaluations, at most one of a session; all are `[e]` or `[e, n]`."""

    features: npt.NDArray[np.float32]
    """float32[e, 128], in the order of INPUTS."""
    consented: npt.NDArray[np.uint8]
    """uint8: 1 with consent to personalization."""
    history: npt.NDArray[np.void]
    """HISTORY_DTYPE: what was decided before in the visit."""
    adjustments: npt.NDArray[np.float32]
    """float32[e, 5]: what the scorer would add to each signal; 0 without a scorer."""
    site: npt.NDArray[np.int32]
    """int32: place in the sequence of sites."""
    bucket: npt.NDArray[np.uint16]
    """uint16: the visitor's place among 10,000."""
    session: Sequence[str]
    """The session's id."""
    visit_started_at: npt.NDArray[np.int64]
    """int64: ms since the epoch."""
    decided_at: npt.NDArray[np.int64]
    """int64: event time of the evaluation, ms since the epoch."""
    timer: npt.NDArray[np.int8]
    """int8: the timer that fired, place in TIMERS; BY_EVENT where it was an event."""
    post_session: npt.NDArray[np.bool_]
    """bool: the timer was due at or after the end of the visit."""


@dataclass(frozen=True)
class Conclusion:
    """What was concluded: the friction's number, the tier's place in TIERS, and the arm drawn.

    `result` is fire, no_op or holdout; in the holdout the arm is the one that would have been.
    """

    evaluation: int
    friction: int
    tier: int
    raised: bool
    result: str
    choice: Choice
    draw: float
    chosen: int

    @property
    def arm_id(self) -> str:
        """The arm drawn."""
        return self.choice.arms[self.chosen].arm_id

    @property
    def action(self) -> str:
        """Its action."""
        return self.choice.arms[self.chosen].action

    @property
    def propensity(self) -> float:
        """The probability with which it was drawn."""
        return self.choice.propensities[self.chosen]

    @property
    def exploratory(self) -> bool:
        """Whether an action is shown that is not the likeliest to be best."""
        return self.result == FIRED and self.chosen != self.choice.likeliest


class Decided(NamedTuple):
    """Verdicts on all evaluations, conclusions in their order, and which of the others are to be recorded."""

    verdicts: Verdicts
    conclusions: list[Conclusion]
    sampled: list[int]


@dataclass(frozen=True)
class Policy:
    """What decisions are made by.

    `scorer`: version of the scorer, empty without one; `bound`: how far, 0-100, it may move a signal, 0 for a shadow;
    `sample_rate`, 0-1: share of the evaluations without a conclusion that are recorded. Raises DecidingError for a
    bound or rate out of range.
    """

    catalog: Catalog
    scorer: str = ""
    bound: float = 0.0
    sample_rate: float = SAMPLE_RATE

    def __post_init__(self) -> None:
        if not 0.0 <= self.bound <= LARGEST_BOUND:
            raise DecidingError(f"found a scorer's bound of {self.bound}; expected 0 to {LARGEST_BOUND:g}")
        if not 0.0 <= self.sample_rate <= 1.0:
            raise DecidingError(f"found a sample rate of {self.sample_rate}; expected 0 to 1")


class Decider:
    """Decides evaluations; keeps propensities until `forget` says that a site's posteriors changed."""

    def __init__(self, policy: Policy, draws: Draws) -> None:
        self.policy = policy
        self._draws = draws
        self._threshold = sample_threshold(policy.sample_rate)
        self._choices: dict[str, _SiteChoices] = {}

    def decide(
        self, evaluations: Evaluations, sites: Sequence[SiteContext], posteriors: Mapping[str, Posterior]
    ) -> Decided:
        """Decide evaluations at their sites with what is known of arms, by arm id.

        Raises DecidingError where shapes do not fit or a session comes twice: its history would be out of date;
        MasterKeyError where a site draws with another master key.
        """
        _check(evaluations, len(sites))
        for site in sites:
            self._draws.check(site.site_id, site.key_id)
        verdicts = judged(evaluations, sites, self.policy)
        conclusions = []
        for e in np.flatnonzero(verdicts.suppressed == 0).tolist():
            conclusion = self._conclude(e, evaluations, sites[evaluations.site[e]], verdicts, posteriors)
            if conclusion is None:
                verdicts.suppressed[e] = _NO_ACTION
            else:
                conclusions.append(conclusion)
        return Decided(verdicts, conclusions, self._sampled(evaluations, sites, verdicts))

    def forget(self, site_id: str) -> None:
        """Drop what is kept of a site: one of its posteriors changed."""
        self._choices.pop(site_id, None)

    def _conclude(
        self,
        e: int,
        evaluations: Evaluations,
        site: SiteContext,
        verdicts: Verdicts,
        posteriors: Mapping[str, Posterior],
    ) -> Conclusion | None:
        friction, tier = int(verdicts.friction[e]), int(verdicts.tier[e])
        choices = self._choices.get(site.site_id)
        if choices is None:
            choices = self._choices[site.site_id] = _SiteChoices(site.site_id, self.policy.catalog, posteriors)
        choice = choices.choice(friction, tier, site.forbidden_actions, explored_enough(evaluations.features[e]))
        if choice is None:
            return None
        number = int(evaluations.history["decisions"][e])
        draw = self._draws.arm(site.site_id, evaluations.session[e], int(evaluations.visit_started_at[e]), number)
        raised, held_out = bool(verdicts.raised[e]), verdicts.gates[e, 0] == HOLDOUT
        return conclude(e, friction, tier, raised, choice, draw, bool(held_out))

    def _sampled(self, evaluations: Evaluations, sites: Sequence[SiteContext], verdicts: Verdicts) -> list[int]:
        suppressed = (verdicts.suppressed != 0) & (verdicts.suppressed != CONSENT_WITHHELD)
        if not self.policy.sample_rate:
            return []
        which = np.flatnonzero(suppressed)
        site_ids, session = [one.site_id for one in sites], evaluations.session
        drawn, threshold = self._draws.sampled, self._threshold
        return [
            e
            for e, site, moment in zip(
                which.tolist(), evaluations.site[which].tolist(), moments(evaluations, which), strict=True
            )
            if drawn(site_ids[site], session[e], moment, threshold)
        ]


def moments(evaluations: Evaluations, which: npt.NDArray[np.int64]) -> list[str]:
    """What tells each of the evaluations `which` from all others of its session: decided_at+events[:timer].

    The time alone does not: a timer's deadline may be an event's time, and an event may come out of order.
    """
    at = evaluations.decided_at[which].tolist()
    events = evaluations.features[which, _EVENTS].astype(np.int64).tolist()
    timers = evaluations.timer[which].tolist()
    return [f"{a}+{n}{_OF_TIMER[t]}" for a, n, t in zip(at, events, timers, strict=True)]


def judged(evaluations: Evaluations, sites: Sequence[SiteContext], policy: Policy) -> Verdicts:
    """The kernel's verdicts on evaluations at their sites."""
    return judge(
        evaluations.features,
        evaluations.consented,
        evaluations.history,
        evaluations.adjustments,
        policy.bound,
        evaluations.site,
        site_table(sites, policy.catalog),
        evaluations.bucket,
        policy.catalog.compiled,
    )


def conclude(
    evaluation: int, friction: int, tier: int, raised: bool, choice: Choice, draw: float, held_out: bool
) -> Conclusion:
    """What a draw in [0, 1) makes of a choice."""
    chosen = choose(choice.upto, draw)
    acts = choice.arms[chosen].action != NO_OP
    result = HELD_OUT if held_out else FIRED if acts else DID_NOTHING
    return Conclusion(evaluation, friction, tier, raised, result, choice, draw, chosen)


class _SiteChoices:
    """The choices of a site under its posteriors as they stand."""

    def __init__(self, site_id: str, catalog: Catalog, posteriors: Mapping[str, Posterior]) -> None:
        self._catalog = catalog
        self._knowledge = SiteKnowledge(site_id, catalog, posteriors)
        self._kept: dict[tuple[int, int, frozenset[str], bool], Choice | None] = {}

    def choice(self, friction: int, tier: int, forbidden: frozenset[str], explored: bool) -> Choice | None:
        """The arms for a friction at a tier; None where there is no action for it."""
        key = (friction, tier, forbidden, explored)
        if key not in self._kept:
            actions = eligible_actions(self._catalog, friction, tier, forbidden)
            arms = [self._knowledge.arm(friction, action) for action in actions]
            self._kept[key] = Choice(arms, explored=explored) if arms else None
        return self._kept[key]


def _check(evaluations: Evaluations, sites: int) -> None:
    count = len(evaluations.session)
    expected = {
        "features": (count, len(INPUTS)),
        "adjustments": (count, len(SIGNALS)),
        **dict.fromkeys(("consented", "history", "site", "bucket", "timer", "post_session"), (count,)),
        **dict.fromkeys(("visit_started_at", "decided_at"), (count,)),
    }
    for name, shape in expected.items():
        found = getattr(evaluations, name).shape
        if found != shape:
            raise DecidingError(f"found {name} of shape {found} for {count} sessions; expected {shape}")
    if count and not 0 <= int(evaluations.site.min()) <= int(evaluations.site.max()) < sites:
        raise DecidingError(f"found places of sites outside of the {sites} sites given")
    if len(set(evaluations.session)) < count:
        raise DecidingError("found a session twice among evaluations; expected one of each: decide them in waves")
