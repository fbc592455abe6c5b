"""Moments of visits, and what followed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.behaviour.moment import INPUT_PLACE
from models.training.snapshots import MOMENTS, Examples, examples
from tests.models.training.shop import simulated, simulated_examples, visit

VIEW = {"type": "page_view", "page_type": "product", "page_id": "/p"}
ADD = {"type": "add_to_cart", "page_type": "product", "quantity": 1, "price": 20.0}
BUY = {"type": "purchase", "page_type": "checkout", "order_id": "o"}


def of(*steps: dict[str, Any]) -> Examples:
    """The moments of one visit of at most MOMENTS events: one right at each, in order."""
    assert len(steps) <= MOMENTS
    found = examples([visit(*steps)], np.random.default_rng(3), in_silence=0)
    assert found.visit.size == len(steps)
    return found


def column(found: Examples, name: str) -> list[float]:
    """An input, by name."""
    return [float(number) for number in found.features[:, INPUT_PLACE[name]]]


def test_features_hold_what_came_before_and_labels_what_came_after() -> None:
    """A cart filled, then bought: conversion until the purchase, no abandonment."""
    found = of(VIEW, ADD | {"at_s": 10}, BUY | {"at_s": 20})
    assert column(found, "count.add_to_cart") == [0, 1, 1]
    assert column(found, "cart_items") == [0, 1, 0]
    assert list(found.conversion) == [1, 1, 0]
    assert list(found.abandonment) == [0, 0, 0]


def test_a_cart_left_is_abandoned() -> None:
    """From the first moment on, also before the cart is filled."""
    assert list(of(VIEW, ADD | {"at_s": 10}).abandonment) == [1, 1]


def test_the_reward_is_that_of_the_ten_minutes_after() -> None:
    """r = .2 + .5 y + .3 e - .2 b: a purchase after 11 minutes is none, one after 20 s is .5."""
    late = of(VIEW, VIEW | {"page_id": "/q", "at_s": 30}, BUY | {"at_s": 700})
    soon = of(VIEW, VIEW | {"page_id": "/q", "at_s": 30}, BUY | {"at_s": 50})
    assert late.reward[0] == pytest.approx(0.2)
    assert soon.reward[0] == pytest.approx(0.7)


def test_engagement_is_dwell_and_scroll_against_medians() -> None:
    """60 s of dwell is half of twice the median, a depth of 1 is all: e = .25 + .5."""
    found = of(VIEW, {"type": "page_ping", "at_s": 10, "dwell_s": 60.0, "scroll_depth": 1.0})
    assert found.reward[0] == pytest.approx(0.2 + 0.3 * 0.75)


def test_nothing_more_is_worth_nothing() -> None:
    """Where no event follows the reward is 0; where a mere ping follows at once it is a bounce."""
    found = of(VIEW, {"type": "page_ping", "at_s": 1})
    assert found.reward[-1] == 0
    assert found.reward[0] == pytest.approx(0.0)


def test_visits_do_not_see_each_other() -> None:
    """Moments of a visit are those of its events, wherever the visit stands among others."""
    visits = simulated()
    together = simulated_examples()
    rewards = set()
    for number in (0, 7, len(visits) - 1):
        alone = examples([visits[number]], np.random.default_rng(1))
        assert alone.visit.size == min(MOMENTS, len(visits[number])) == (together.visit == number).sum()
        rewards.add(float(alone.reward.sum()))
    assert together.visit.max() == len(visits) - 1


def test_examples_are_as_declared() -> None:
    """Finite features, labels 0 or 1, rewards within 0 and 1; every label comes both ways."""
    found = simulated_examples()
    assert np.isfinite(found.features).all()
    assert (found.features >= -1).all()
    for labels in (found.abandonment, found.conversion):
        assert set(labels.tolist()) == {0.0, 1.0}
    assert found.reward.min() >= 0
    assert found.reward.max() <= 1


def test_some_moments_lie_in_silence() -> None:
    """Timers have fired at some, and their features say so; at most the gap has passed."""
    found = simulated_examples()
    idle_s = found.features[:, INPUT_PLACE["idle_s"]]
    silent = found.features[:, INPUT_PLACE["silent.idle_60"]]
    assert ((idle_s >= 60) == (silent == 1)).all()
    assert 0 < silent.mean() < 0.5
    assert idle_s.max() < 1800


def test_without_visits_there_is_nothing_to_learn() -> None:
    """An empty source is an error that says so."""
    with pytest.raises(ValueError, match="no visits"):
        examples([], np.random.default_rng(1))
