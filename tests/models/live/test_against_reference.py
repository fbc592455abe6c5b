"""The stream and the plain reference read docs/live.md alike."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from models.ava.conditions import CONDITIONS_BY_GATE
from models.serving.scorer import Scorer
from models.shop.config import SITES, ShopConfig
from tests.models.live.beside import CONFIGS, Beside, Made, shop_beside
from tests.reference import arms, catalog, decide, exposures, followed, gates, outcome, rewards, signals
from tests.reference.live import ExpectedLive
from tests.reference.make import event
from tests.reference.profiles import PROFILES

BATCHES = 120
SEEDS = range(4)
BOUND = 20.0
"""How far, in points, a scorer moves signals in some of the streams."""
UNMADE = {"consent_withheld"}
"""Such a visit is not evaluated at all."""
SHOPS = {
    "as it comes": ShopConfig(seed=11, visits_per_minute=60),
    "held out": ShopConfig(
        seed=12, visits_per_minute=60, sites=tuple(replace(site, mode="active", opted_in=True) for site in SITES)
    ),
}


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return Scorer()


@pytest.fixture(scope="module")
def streams(scorer: Scorer) -> list[Beside]:
    """Without a scorer, with a shadow, with one that moves signals, with limits to reach; and a visit told much."""
    choices: list[dict[str, Any]] = [{}, {"scorer": scorer}, {"scorer": scorer, "bound": BOUND}, {"small": True}]
    return [*(Made(seed, BATCHES, **choices[seed % len(choices)]).beside for seed in SEEDS), told_much()]


def told_much() -> Beside:
    """A visit in which gate 2 raises all it can, so that `loud_limit` holds before any other limit."""
    beside = Beside(CONFIGS)
    pay = {"site_id": "careful", "page_type": "checkout", "page_id": "/pay"}
    for one in (
        event("page_view", 0, **pay, cart_value=777.0, cart_items=2, logged_in=True, returning=True, source="paid"),
        event("search", 61, **pay, query="help"),
        event("payment_error", 100, **pay),
        event("payment_error", 101, **pay),
        event("form_error", 410, **pay),
        event("form_error", 440, **pay),
        event("page_view", 500, site_id="careful"),
    ):
        beside.take([one])
    return beside


@pytest.fixture(scope="module")
def expected(streams: list[Beside]) -> list[ExpectedLive]:
    return [one.expected() for one in streams]


def test_the_same_of_made_up_streams(streams: list[Beside]) -> None:
    """Decisions, all other evaluations, interventions, rewards of both kinds and sums of arms are the reference's."""
    assert [one.differences() for one in streams] == [[]] * len(streams)


@pytest.mark.parametrize("name", SHOPS)
def test_the_same_of_a_shop(name: str, scorer: Scorer) -> None:
    """So they are of a shop whose visitors hear what was decided."""
    beside = shop_beside(SHOPS[name], 3, scorer)
    assert len(beside.records("intervention")) > 100
    assert beside.differences() == []


def test_the_same_one_event_a_batch() -> None:
    """So they are where every event is a batch of its own."""
    beside = Made(100, 10).beside
    alone = Beside(beside.configs)
    for message in beside.messages:
        if isinstance(message, int):
            alone.advance(message)
        else:
            alone.take([message[0]])
    assert alone.records("decision")
    assert alone.differences() == []


def test_every_rule_is_reached(expected: list[ExpectedLive]) -> None:
    """The made-up streams meet every condition of every gate and every kind of reward: agreement means something."""
    told = [one for of in expected for one in (*of.decisions.values(), *of.suppressed.values())]
    met = {condition for one in told for condition in one["gates"]} | {one["reason"] for one in told}
    assert {*(name for gate in CONDITIONS_BY_GATE for name in gate), "monitor", "no_action"} - met == UNMADE
    assert {one["result"] for one in told} == {"fire", "no_op", "holdout", "suppress"}
    assert {one["exploratory"] for one in told} == {one["post_session"] for one in told} == {True, False}
    assert {one["tier"] for one in told if one["result"] != "suppress"} == {"PASSIVE", "NUDGE", "ACTIVE", "ESCALATE"}
    ends = Counter[tuple[str, bool]]()
    for one in (one for of in expected for one in of.rewards.values()):
        ends.update((name, one[name]) for name in ("cut", "defaulted", "dismissed", "converted", "bounced"))
    for one in (one for of in expected for one in of.exposures.values()):
        ends.update((f"exposure {name}", one[name]) for name in ("converted", "bounced"))
    assert len(ends) == 2 * 7


BROKEN: dict[str, tuple[Any, str, Any]] = {
    "a weight of the composite": (PROFILES, "default", {"weights": (0.26, 0.24, 0.15, 0.20, 0.15)}),
    "a bound of a tier": (PROFILES, "default", {"bounds": (29, 50, 64, 79)}),
    "the age that gate 6 asks for": (PROFILES, "aggressive", {"min_age_s": 16}),
    "the time after a dismissal": (PROFILES, "default", {"after_dismissal_s": 100}),
    "the points of a page": (signals, "BY_PAGE_TYPE", signals.BY_PAGE_TYPE | {"product": 46.0}),
    "the points of a cart": (signals, "ABOVE", 94.0),
    "the confidence that limited_active asks for": (gates, "SURE", 0.65),
    "the share of shipping that lowers": (gates, "SHIPPING_SHARE", 0.25),
    "the time between two decisions": (gates, "APART_S", 200),
    "the actions of a tier": (catalog, "TIERS", ("MONITOR", "PASSIVE", "NUDGE", "ESCALATE", "ACTIVE")),
    "the floor of doing nothing": (arms, "FLOOR_NO_OP", 0.04),
    "how much a visitor explores a day": (decide, "EXPLORATORY_A_DAY", 3),
    "the length of a window": (outcome, "WINDOW_MS", 590_000),
    "the quantum of rewards": (rewards, "QUANTUM", 2.0**-11),
    "how soon a visit bounces": (rewards, "BOUNCE_S", 6),
    "when an exposure counts": (exposures, "CREDITED_MS", 5_000),
    "how many containers a visit remembers": (exposures, "MOST", 7),
    "how dwell adds up": (followed, "float32", round),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_figure_is_seen(name: str, streams: list[Beside], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one figure is another, the two differ."""
    holder, attribute, value = BROKEN[name]
    if isinstance(holder, dict):
        broken = replace(holder[attribute], **value)
        monkeypatch.setitem(holder, attribute, broken)
    else:
        monkeypatch.setattr(holder, attribute, value)
    arms.choice.cache_clear()
    try:
        assert any(one.differences() for one in streams)
    finally:
        arms.choice.cache_clear()
