"""P(best) by quadrature against exact cases and a plain Monte Carlo, and the propensities made of it."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bandit.best import FLOOR, FLOOR_NO_OP, UNITS, TooManyArms, best_probabilities, propensities
from models.bandit.draw import choose, cumulated
from models.bandit.posterior import Belief

DRAWS = 100_000
FIVE_DEVIATIONS = 5 * 0.5 / DRAWS**0.5
"""A share of DRAWS has a standard deviation of at most .5 / sqrt(DRAWS)."""

betas = st.builds(lambda a, b: Belief(False, a, b), st.floats(1, 111), st.floats(1, 111))
normals = st.builds(lambda mean, sd: Belief(True, mean, sd), st.floats(0, 1), st.floats(1e-4, 0.05))
several = st.lists(betas | normals, min_size=1, max_size=7)


def monte_carlo(beliefs: list[Belief], seed: int) -> list[float]:
    """The share of draws in which each arm is the highest: plain Python, nothing shared with the quadrature."""
    source = random.Random(seed)
    wins = [0] * len(beliefs)
    for _ in range(DRAWS):
        drawn = [source.gauss(of.a, of.b) if of.normal else source.betavariate(of.a, of.b) for of in beliefs]
        wins[drawn.index(max(drawn))] += 1
    return [won / DRAWS for won in wins]


def test_one_arm_is_the_best() -> None:
    """Certainly."""
    assert best_probabilities([Belief(False, 3, 4)]).tolist() == [1.0]


@pytest.mark.parametrize("belief", [Belief(False, 1, 1), Belief(False, 1.3, 40), Belief(True, 0.4, 1e-4)])
@pytest.mark.parametrize("count", [2, 5])
def test_equal_arms_are_equally_likely(belief: Belief, count: int) -> None:
    """To the last digits."""
    assert best_probabilities([belief] * count) == pytest.approx([1 / count] * count, abs=1e-12)


def test_two_betas_have_a_closed_form() -> None:
    """P(Beta(2, 1) > Beta(1, 1)) = 2/3; P(Beta(1, 3) > Beta(1, 1)) = 1/4: the means, against a uniform."""
    assert best_probabilities([Belief(False, 2, 1), Belief(False, 1, 1)])[0] == pytest.approx(2 / 3, abs=1e-9)
    assert best_probabilities([Belief(False, 1, 3), Belief(False, 1, 1)])[0] == pytest.approx(1 / 4, abs=1e-9)


def test_two_normals_have_a_closed_form() -> None:
    """P(X > Y) = Phi((.52 - .5) / sqrt(.01^2 + .02^2)) = Phi(.894427) = .814453."""
    best = best_probabilities([Belief(True, 0.52, 0.01), Belief(True, 0.5, 0.02)])
    assert best[0] == pytest.approx(0.8144533, abs=1e-6)


@pytest.mark.parametrize(
    "beliefs",
    [
        [Belief(False, 1, 1), Belief(False, 3, 40), Belief(False, 2.3, 9), Belief(True, 0.3, 0.02)],
        [Belief(False, 1, 50), Belief(False, 1, 30), Belief(False, 1.7, 60)],
        [Belief(True, 0.31, 1e-4), Belief(True, 0.3, 0.02), Belief(False, 30, 70)],
        [Belief(False, 111, 1), Belief(False, 60, 1.2), Belief(True, 0.985, 0.003)],
    ],
)
def test_monte_carlo_agrees(beliefs: list[Belief]) -> None:
    """Within five standard deviations, for thin and wide, Beta and Normal beside each other."""
    assert best_probabilities(beliefs) == pytest.approx(monte_carlo(beliefs, seed=7), abs=FIVE_DEVIATIONS)


@given(several)
def test_probabilities_sum_to_one_and_repeat(beliefs: list[Belief]) -> None:
    """Whatever the beliefs; and the same beliefs give the same bits."""
    best = best_probabilities(beliefs)
    assert best.sum() == pytest.approx(1, abs=1e-12)
    assert best.min() >= 0
    assert best.tolist() == best_probabilities(beliefs).tolist()


@given(several, st.data())
def test_propensities_respect_floors_and_sum_to_one_exactly(beliefs: list[Belief], data: st.DataObject) -> None:
    """no_op at least .05, others at least .01, the sum exactly 1, mixing in proportion to P(best)."""
    no_op = data.draw(st.integers(0, len(beliefs) - 1))
    found = propensities(beliefs, no_op)
    assert sum(found) == 1.0
    assert list(accumulate(found))[-1] == 1.0
    assert all(p >= (FLOOR_NO_OP if k == no_op else FLOOR) for k, p in enumerate(found))
    left = 1 - FLOOR_NO_OP - FLOOR * (len(beliefs) - 1)
    mixed = [(FLOOR_NO_OP if k == no_op else FLOOR) + left * best for k, best in enumerate(best_probabilities(beliefs))]
    assert found == pytest.approx(mixed, abs=4 * len(beliefs) / UNITS)


def test_more_arms_than_floors_admit_are_refused() -> None:
    """96 others and no_op would need more than 1."""
    with pytest.raises(TooManyArms, match="found 97 arms"):
        propensities([Belief(False, 1, 1)] * 97, 0)


@pytest.mark.parametrize(("draw", "place"), [(0.0, 0), (0.2499, 0), (0.25, 1), (0.7499, 1), (0.75, 2), (1 - 2**-53, 2)])
def test_a_draw_selects_by_cumulated_propensity(draw: float, place: int) -> None:
    """A bound belongs to the arm above it."""
    assert choose(cumulated((0.25, 0.5, 0.25)), draw) == place
