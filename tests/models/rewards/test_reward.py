"""The session reward, worked by hand, and that its sums do not depend on order or grouping."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rewards.reward import EXACT_REWARDS, QUANTUM, Rewards, quantized, rewards

VISIT = {
    "converted": False,
    "dwell_s": 60.0,
    "scroll": 0.5,
    "pages": 3,
    "span_s": 90.0,
    "dismissed": False,
    "no_event": False,
    "dwell_median_s": 60.0,
    "scroll_median": 0.5,
}


def of(**changed: Any) -> Rewards:
    """The reward of one visit: two medians' half of everything, but for what is changed."""
    return rewards(**{name: np.array([value]) for name, value in (VISIT | changed).items()})


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 0.2 + 0.3 * 0.5),
        ({"converted": True}, 0.7 + 0.3 * 0.5),
        ({"converted": True, "dwell_s": 1e5, "scroll": 1.0}, 1.0),
        ({"dwell_s": 0.0, "scroll": 0.25}, 0.2 + 0.3 * 0.125),
        ({"dwell_s": 30.0, "scroll": 0.0, "dwell_median_s": 20.0}, 0.2 + 0.3 * 0.375),
        ({"pages": 1, "span_s": 4.9, "dwell_s": 0.0, "scroll": 0.0}, 0.0),
        ({"pages": 1, "span_s": 5.0, "dwell_s": 0.0, "scroll": 0.0}, 0.2),
        ({"pages": 2, "span_s": 1.0, "dwell_s": 0.0, "scroll": 0.0}, 0.2),
        ({"dismissed": True, "converted": True}, 0.0),
        ({"no_event": True}, 0.0),
    ],
)
def test_the_reward_of_a_visit(changed: dict[str, Any], expected: float) -> None:
    """r = .2 + .5 y + .3 e - .2 b, to the nearest quantum; 0 where dismissed, and where nothing came."""
    (reward,) = of(**changed).reward
    assert reward == quantized(np.array([expected]))[0]
    assert abs(reward - expected) <= QUANTUM / 2


def test_a_window_without_an_event_is_a_bounce_without_engagement() -> None:
    """e = 0 and b = 1, whatever else is said."""
    of_nothing = of(no_event=True)
    assert (of_nothing.engagement[0], of_nothing.bounced[0]) == (0.0, True)


@pytest.mark.parametrize("unknown", [math.nan, 0.0])
def test_a_site_without_medians_takes_the_defaults(unknown: float) -> None:
    """60 s and .5."""
    assert of(dwell_median_s=unknown, scroll_median=unknown).engagement == of().engagement == [0.5]


UNIT = st.floats(0, 1)


@given(st.lists(UNIT, min_size=1, max_size=60), st.randoms(use_true_random=False), st.integers(1, 7))
def test_sums_of_rewards_are_exact(values: list[float], random: Any, parts: int) -> None:
    """Sums of rewards and of their squares are what rational arithmetic says, in any order and grouping."""
    r = quantized(np.array(values))
    exact, exact_sq = math.fsum(r), math.fsum(r * r)
    order = list(range(len(r)))
    random.shuffle(order)
    groups = [order[part::parts] for part in range(parts)]
    assert sum(sum(float(r[k]) for k in group) for group in groups) == exact
    assert sum(sum(float(r[k]) ** 2 for k in group) for group in groups) == exact_sq


def test_a_square_still_counts_beside_the_most_rewards() -> None:
    """At the stated bound one more smallest square is added without rounding; at twice the bound it is lost."""
    most, least = float(EXACT_REWARDS), QUANTUM**2
    assert (most - 1 + least) - (most - 1) == least
    assert (2 * most + least) - 2 * most == 0.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1e5), UNIT, st.integers(0, 5), st.floats(0, 1e5)), min_size=1))
def test_rewards_lie_between_0_and_1(visits: list[Any]) -> None:
    """Never clipped: the formula keeps within, and every reward is a whole number of quanta."""
    converted, dwell_s, scroll, pages, span_s = (np.array(column) for column in zip(*visits, strict=True))
    no = np.zeros(len(visits), np.bool_)
    medians = np.full(len(visits), 60.0), np.full(len(visits), 0.5)
    reward = rewards(converted, dwell_s, scroll, pages, span_s, no, no, *medians).reward
    assert ((reward >= 0) & (reward <= 1)).all()
    assert (reward / QUANTUM == np.rint(reward / QUANTUM)).all()
