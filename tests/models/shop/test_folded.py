"""The fold comes to the shop's truth, and meets in the shop all that it is made for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from models.actions import ACTIONS
from models.behaviour.codes import TIMERS
from models.behaviour.layout import SESSION_LAYOUT
from models.shop.effects import tier_of_action
from models.shop.shop import Sent, Shop
from schemas.vocabulary import EVENT_TYPES
from tests.models.behaviour.events import EVENT_SCHEMA
from tests.models.behaviour.replay import Partition
from tests.models.shop.days import events, opened, run

MINUTES = 60
PLACES = 8_192
DEFAULTS: dict[str, Any] = {**dict.fromkeys(EVENT_SCHEMA.names), "containers": [], "attributes": {}}
CLOSES_ALL_MS = 25 * 3_600_000


class Hour:
    """An hour of the shop with the fold behind it: visitors hear its interventions, with an action of the tier."""

    def __init__(self) -> None:
        self.partition = Partition(
            replay=True, rows=np.repeat(SESSION_LAYOUT.blank, PLACES), released=list(range(PLACES))
        )
        self.said: list[dict[str, Any]] = []
        self.shop = opened()
        self.records = run(self.shop, MINUTES, self._fold)
        self.shop.advance(self.shop.now_ms + 1)
        self.partition.advance(self.shop.now_ms + CLOSES_ALL_MS)

    def _fold(self, shop: Shop, sent: list[Sent]) -> None:
        self.partition.take([{**DEFAULTS, **event} for event in events(sent)])
        self.partition.advance(shop.now_ms)
        for session, found in self.partition.interventions.items():
            for one in found:
                loud = [action for action in ACTIONS if tier_of_action(action) == one["tier"]]
                said = {
                    **one,
                    "session_id": session,
                    "intervention_id": f"{session}:{one['tier']}",
                    "action": loud[len(self.said) % len(loud)],
                }
                self.said.append(said)
                shop.hear(said, shop.now_ms)
        self.partition.interventions.clear()


@pytest.fixture(scope="module")
def hour() -> Hour:
    return Hour()


def test_the_fold_counts_what_is_true(hour: Hour) -> None:
    """Folded, duplicate and unconsented records, visits and orders, by site; nothing late, capped or undecided."""
    for site, truth in hour.shop.totals()["sites"].items():
        counts = hour.partition.counts[site]
        assert {name: counts[name] for name in ("folded", "duplicate", "unconsented")} == {
            name: truth[name] for name in ("folded", "duplicate", "unconsented")
        }
        assert counts["late"] == counts["capped"] == counts["undecided"] == 0
    closed = [features for visits in hour.partition.closed.values() for features in visits]
    sites = hour.shop.totals()["sites"].values()
    assert len(closed) == sum(site["visits"] for site in sites)
    assert sum(features["orders"] for features in closed) == sum(site["orders"] for site in sites)
    assert max(len(visits) for visits in hour.partition.closed.values()) == 1
    assert not any(features["bot"] for features in closed)


def test_every_type_of_event_occurs(hour: Hour) -> None:
    """All 32."""
    assert {event["type"] for event in events(hour.records)} == set(EVENT_TYPES)


def test_every_timer_fires_while_visitors_are_there(hour: Hour) -> None:
    """All timers, the shorter ones of them many times; and some after the visit."""
    fired = Counter(timer for of_session in hour.partition.fired.values() for _, timer, _, _ in of_session)
    assert fired.keys() == set(TIMERS)
    assert min(fired.values()) > 10
    assert any(late for of_session in hour.partition.fired.values() for *_, late in of_session)


def test_every_friction_and_loud_tier_occurs(hour: Hour) -> None:
    """Each often enough to be seen in a demo, and many are shown to someone who is still there."""
    frictions = Counter(said["friction_id"] for said in hour.said)
    tiers = Counter(said["tier"] for said in hour.said)
    assert min(frictions[friction] for friction in ("F028", "F068", "F089", "F094")) > 20
    assert min(tiers[tier] for tier in ("NUDGE", "ACTIVE", "ESCALATE")) > 20
    counted = hour.shop.totals()["interventions"]
    assert counted["heard"] == len(hour.said)
    assert min(counted[what] for what in ("shown", "clicked", "dismissed", "gone")) > 10
    assert counted["heard"] == counted["gone"] + counted["shown"]


def test_every_frustration_shows(hour: Hour) -> None:
    """Rage, dead and error clicks, quick returns, refined searches, products compared, stock and shipping."""
    closed = [features for visits in hour.partition.closed.values() for features in visits]
    for name in (
        "rage_clicks",
        "dead_clicks",
        "error_clicks",
        "quick_backs",
        "search_refinements",
        "product_toggles",
        "form_abandons",
        "out_of_stock_views",
        "exit_with_cart",
        "shipping_share",
        "bounce",
    ):
        assert sum(features[name] > 0 for features in closed) > 5, name
    assert any(features["cart_value_max"] > 200 and features["timer.checkout_idle_300"] for features in closed), (
        "a checkout with more than 200 in the cart falls silent"
    )
