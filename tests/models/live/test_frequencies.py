"""Over 200,000 decisions, what is drawn is what is logged, and what is earned is what the laboratory promises."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from models.actions import ACTIONS
from models.ava.arms import Choice
from models.ava.catalog import installed_catalog
from models.ava.deciding import BY_EVENT, SAMPLE_RATE, Decider, Evaluations, Policy
from models.ava.draws import Draws
from models.ava.history import NO_FRICTION, friction_id, no_history
from models.ava.sites import SiteContext
from models.bandit.draw import choose
from models.shop.laboratory import FRICTIONS, Laboratory, expected_reward
from tests.models.behaviour.events import START
from tests.models.live.hour import Hour
from tests.models.live.knowledge import fixed_posteriors
from tests.models.live.partition import KEY

SNAPSHOTS = 1_000
REPEATS = 220
SITES = (
    SiteContext("shop-a", mode="active", opted_in=True),
    SiteContext("shop-e", mode="active", opted_in=True, kill_switch=True),
)
NO_OP = "no_op"
STANDARD_ERRORS = 4.0
HELD_OUT = 0.05
"""Share of visitors in the holdout (given)."""
LEAST_NO_OP = 0.05
"""Floor of no_op's propensity (given)."""
UNLIKELY = NormalDist().inv_cdf(1 - 1e-4)
"""Above this standard score the chi-square test rejects."""
SEED = 11

Chosen = tuple[Choice, int, float]


@dataclass
class Drawn:
    """The conclusions of many batches: choice, place of the arm and draw; and how many there were of what."""

    chosen: list[Chosen] = field(default_factory=list)
    friction: list[int] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
def drawn(hour: Hour) -> Drawn:
    """Snapshots of the hour, each decided on for many visitors; every fourth also at a site that is stopped."""
    shown = [one for one in hour.concluded.values() if one["site_id"] == SITES[0].site_id]
    snapshots = [one for one in shown if one["friction_id"] in FRICTIONS][:SNAPSHOTS]
    features = np.array([one["features"] for one in snapshots], np.float32)
    draws = Draws(KEY)
    decider = Decider(Policy(installed_catalog()), draws)
    posteriors = fixed_posteriors([SITES[0].site_id])
    drawn = Drawn()
    for repeat in range(REPEATS):
        for site in (0, 1) if repeat % 4 == 0 else (0,):
            decided = decider.decide(_evaluations(features, draws, site, repeat), SITES, posteriors)
            drawn.counts["evaluations"] += len(snapshots)
            drawn.counts["suppressed"] += len(snapshots) - len(decided.conclusions)
            drawn.counts["sampled"] += len(decided.sampled)
            for one in decided.conclusions:
                drawn.chosen.append((one.choice, one.chosen, one.draw))
                drawn.friction.append(one.friction)
                drawn.results[one.result] += 1
    return drawn


def _evaluations(features: npt.NDArray[np.float32], draws: Draws, site: int, repeat: int) -> Evaluations:
    """One of each snapshot, of a visitor and a session of its own, as its visit's first decision."""
    n = len(features)
    visitors = [f"v{repeat}-{k}" for k in range(n)]
    return Evaluations(
        features=features,
        consented=np.ones(n, np.uint8),
        history=no_history(n),
        adjustments=np.zeros((n, 5), np.float32),
        site=np.full(n, site, np.int32),
        bucket=np.array([draws.bucket(SITES[site].site_id, visitor) for visitor in visitors], np.uint16),
        session=[f"s{repeat}-{k}" for k in range(n)],
        visit_started_at=np.full(n, START + repeat),
        decided_at=np.full(n, START + 600_000 + repeat),
        timer=np.full(n, BY_EVENT, np.int8),
        post_session=np.zeros(n, np.bool_),
    )


def misfit(chosen: list[Chosen]) -> float:
    """Standard score of the chi-square statistic over the arms of every choice (Wilson and Hilferty)."""
    counts: defaultdict[int, Counter[int]] = defaultdict(Counter)
    choices: dict[int, Choice] = {}
    for choice, arm, _ in chosen:
        choices[id(choice)] = choice
        counts[id(choice)][arm] += 1
    statistic, freedom = 0.0, 0
    for key, choice in choices.items():
        n = sum(counts[key].values())
        wanted = {arm: n * propensity for arm, propensity in enumerate(choice.propensities) if propensity}
        assert counts[key].keys() <= wanted.keys(), "an arm was drawn that had no chance"
        statistic += sum((counts[key][arm] - expected) ** 2 / expected for arm, expected in wanted.items())
        freedom += len(wanted) - 1
    spread = 2.0 / (9.0 * freedom)
    return float(((statistic / freedom) ** (1.0 / 3.0) - (1.0 - spread)) / math.sqrt(spread))


def test_arms_are_drawn_as_often_as_logged(drawn: Drawn) -> None:
    """Chi-square over all arms of all choices, whose propensities differ."""
    shares = [share for choice, _, _ in drawn.chosen for share in choice.propensities if share]
    assert len(drawn.chosen) > 200_000
    assert len({id(choice) for choice, _, _ in drawn.chosen}) > 5
    assert max(shares) > 0.5 > 0.02 > min(shares)
    assert misfit(drawn.chosen) < UNLIKELY


def test_a_wrong_draw_would_be_seen(drawn: Drawn) -> None:
    """A draw that is 1 % off, and propensities of which one is told a little too low."""
    free = [one for one in drawn.chosen if all(one[0].propensities)]
    skewed = [(choice, choose(choice.upto, draw**1.03), draw) for choice, _, draw in free]
    assert misfit(skewed) > UNLIKELY
    moved = [(choice, choose([upto - 0.005 for upto in choice.upto], draw), draw) for choice, _, draw in free]
    assert misfit(moved) > UNLIKELY


def test_nothing_is_done_as_often_as_logged(drawn: Drawn) -> None:
    """The holdout's share of visitors is 5 %; no_op's its propensity, never below the floor."""
    n = len(drawn.chosen)
    assert within(drawn.results["holdout"], [HELD_OUT] * n)
    no_op = [[arm.action for arm in choice.arms].index(NO_OP) for choice, _, _ in drawn.chosen]
    shares = [choice.propensities[at] for at, (choice, _, _) in zip(no_op, drawn.chosen, strict=True)]
    assert min(shares) >= LEAST_NO_OP
    assert within(sum(arm == at for at, (_, arm, _) in zip(no_op, drawn.chosen, strict=True)), shares)


def test_one_suppression_in_a_hundred_is_recorded(drawn: Drawn) -> None:
    """Within four standard errors."""
    assert drawn.counts["suppressed"] > 40_000
    assert within(drawn.counts["sampled"], [SAMPLE_RATE] * drawn.counts["suppressed"])


def within(found: int, probabilities: list[float]) -> bool:
    """Whether as many of independent events happened as their probabilities say, within four standard errors."""
    p = np.array(probabilities)
    return bool(abs(found - p.sum()) < STANDARD_ERRORS * math.sqrt((p * (1 - p)).sum()))


def test_arms_earn_what_the_laboratory_promises(drawn: Drawn) -> None:
    """Each arm's mean reward lies within the 99.9 % interval about its expectation, over all arms at once."""
    place = {friction: at for at, friction in enumerate(FRICTIONS)}
    known = [
        (place[friction], ACTIONS.index(choice.arms[arm].action))
        for number, (choice, arm, _) in zip(drawn.friction, drawn.chosen, strict=True)
        if (friction := friction_id(number) if number != NO_FRICTION else None) in place
    ]
    frictions, actions = np.array(known).T
    laboratory = Laboratory(SEED)
    states = laboratory.states(actions.size)._replace(friction=frictions)
    rewards, expected = laboratory.rewards(states, actions), expected_reward(states, actions)
    arms, of_arm = np.unique(np.stack([frictions, actions]), axis=1, return_inverse=True)
    score = NormalDist().inv_cdf(1 - 0.001 / 2 / arms.shape[1])
    means = []
    for arm in range(arms.shape[1]):
        off = (rewards - expected)[of_arm.ravel() == arm]
        means.append(expected[of_arm.ravel() == arm].mean())
        if off.size > 100:
            assert abs(off.mean()) < score * off.std() / math.sqrt(off.size)
    assert arms.shape[1] > 15
    assert np.std(means) > 0.02
