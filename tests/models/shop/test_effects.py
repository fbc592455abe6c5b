"""What is declared as true is what happens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.actions import ACTIONS
from models.ava.catalog import installed_catalog
from models.shop.config import ShopConfig
from models.shop.effects import TRUE_EFFECTS, category_of, true_effect
from models.shop.laboratory import Laboratory, States, expected_reward
from models.shop.shop import Sent, Shop
from models.shop.visit import STRONGEST
from tests.models.shop.days import intervention, opened, run

STANDARD_ERRORS = 4.0
HELPS, HARMS = "escalate_checkout_save", "active_bundle_suggest"
FRICTION = "F089"


def test_frictions_have_the_categories_of_the_catalog() -> None:
    """As where the catalog states them; an unknown one has none."""
    assert [category_of(friction.id) for friction in installed_catalog().frictions] == [
        friction.category for friction in installed_catalog().frictions
    ]
    assert [category_of(f) for f in ("F001", "F012", "F013", "F303", "F325")] == [
        "landing",
        "landing",
        "navigation",
        "payment",
        "seasonal",
    ]
    assert {category_of(f) for f in ("F326", "F400", "F000", "", None, "none")} == {"none"}


def test_every_action_of_the_domain_has_a_true_effect_and_some_harm() -> None:
    """No_op is without any effect; an action that is not known does nothing."""
    assert set(TRUE_EFFECTS) == set(ACTIONS)
    assert true_effect("no_op", FRICTION) == true_effect("unheard_of", FRICTION) == 0.0
    assert true_effect(HELPS, FRICTION) > 0 > true_effect(HARMS, FRICTION)


def test_conversions_agree_with_their_true_probabilities_by_action() -> None:
    """Shown by lot, an action moves the share that buys by its true effect, within four standard errors."""
    arms: dict[str, str | None] = {}

    def listen(shop: Shop, sent: list[Sent]) -> None:
        for _, _, record in sent:
            session = record.get("session_id", "")
            if record.get("type") == "page_view" and session not in arms:
                arms[session] = (None, HELPS, HARMS)[len(arms) % 3]
                if (action := arms[session]) is not None:
                    shop.hear(intervention(session, action, FRICTION, "ACTIVE", shop.now_ms), shop.now_ms)

    shop = opened(ShopConfig(visits_per_minute=200))
    run(shop, 25, listen, step_ms=2_000)
    visits, _ = shop.truth.drain()
    means = {}
    for arm in (None, HELPS, HARMS):
        of_arm = [v for v in visits if arms[v["session_id"]] == arm and v["p"] is not None]
        shown = [v for v in of_arm if v["moved"]]
        # A few come to their decision before the page shows anything.
        assert len(shown) > 0.98 * len(of_arm) if arm else not shown
        of_arm = shown or of_arm
        p = np.array([v["p"] for v in of_arm])
        bought = np.array([v["converted"] for v in of_arm])
        assert p.size > 200
        assert abs(bought.sum() - p.sum()) < STANDARD_ERRORS * math.sqrt((p * (1 - p)).sum())
        shift = true_effect(arm or "no_op", FRICTION)
        log_odds = [math.log(v["p"] / (1 - v["p"])) - math.log(v["p_unmoved"] / (1 - v["p_unmoved"])) for v in of_arm]
        assert log_odds == pytest.approx([shift] * len(log_odds))
        means[arm] = bought.mean()
    assert means[HELPS] > means[None] > means[HARMS]
    assert abs(shift) < STRONGEST


def test_visitors_answer_as_often_as_declared_and_only_to_what_they_see() -> None:
    """Clicks and dismissals are counted as they happen."""
    shop = opened(ShopConfig(visits_per_minute=100))

    def listen(shop: Shop, sent: list[Sent]) -> None:
        for _, _, record in sent:
            if record.get("type") == "view_item":
                said = intervention(record["session_id"], "active_chat", "F028", "ACTIVE", shop.now_ms)
                shop.hear(said, shop.now_ms)

    records = run(shop, 10, listen, step_ms=2_000)
    first = {s.record["event_id"]: s.record["type"] for s in records if s.topic == "session-event"}
    told = [kind.removeprefix("intervention_") for kind in first.values() if kind.startswith("intervention_")]
    counted = shop.totals()["interventions"]
    for kind in ("shown", "clicked", "dismissed"):
        assert counted[kind] == told.count(kind) > 0
    assert "converted" in told
    assert counted["clicked"] + counted["dismissed"] < counted["shown"]


def test_the_laboratory_pays_what_it_promises() -> None:
    """Over 200,000 decisions each arm's mean reward is its expectation, within four standard errors."""
    laboratory = Laboratory(1)
    states = laboratory.states(200_000)
    actions = np.random.default_rng(2).integers(0, len(ACTIONS), 200_000)
    rewards, expected = laboratory.rewards(states, actions), expected_reward(states, actions)
    assert 0 <= rewards.min() <= rewards.max() <= 1
    for arm in range(len(ACTIONS)):
        off = (rewards - expected)[actions == arm]
        assert abs(off.mean()) < STANDARD_ERRORS * off.std() / math.sqrt(off.size)
    assert expected.std() > 0.05


def test_the_best_action_depends_on_the_friction() -> None:
    """There is something to learn: no action is best everywhere, and doing nothing beats a harmful one."""
    n = len(ACTIONS)
    best = {}
    for friction in range(1, 9):
        at = np.full(n, 0.0)
        states = States(np.full(n, friction), at - 1.0, at + 0.2, at + 0.4, at + 0.5)
        expected = expected_reward(states, np.arange(n))
        best[friction] = ACTIONS[int(expected.argmax())]
        assert expected.min() < expected[ACTIONS.index("no_op")] < expected.max()
    assert len(set(best.values())) >= 4
