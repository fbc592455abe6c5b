"""The fold comes to the shop's truth, and meets in the shop all that it is made for."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.behaviour.codes import TIMERS
from models.behaviour.effects import COUNTS
from models.behaviour.features import FEATURE_NAMES
from models.behaviour.matrix import feature_matrix
from schemas.vocabulary import EVENT_TYPES
from tests.models.live.hour import Hour

FRUSTRATIONS = (
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
)


@pytest.fixture(scope="module")
def closed(hour: Hour) -> npt.NDArray[np.void]:
    """SESSION_LAYOUT.dtype[c]: every visit, as it stood when it closed."""
    return np.concatenate([folded.closed for folded in hour.partition.folded])


def feature(closed: npt.NDArray[np.void], name: str) -> npt.NDArray[np.float32]:
    """float32[c]."""
    of_all: npt.NDArray[np.float32] = feature_matrix(closed)[:, FEATURE_NAMES.index(name)]
    return of_all


def test_the_fold_counts_what_is_true(hour: Hour) -> None:
    """Folded, duplicate and unconsented records by site; nothing late, capped or undecided."""
    counts: dict[str, Counter[str]] = {site: Counter() for site in hour.shop.totals()["sites"]}
    for folded in hour.partition.folded:
        for site, numbers in zip(folded.sites.tolist(), folded.counts.tolist(), strict=True):
            counts[site.decode()] += Counter(dict(zip(COUNTS, numbers, strict=True)))
    for site, truth in hour.shop.totals()["sites"].items():
        assert {name: counts[site][name] for name in COUNTS} == {
            **dict.fromkeys(COUNTS, 0),
            **{name: truth[name] for name in ("folded", "duplicate", "unconsented")},
        }


def test_visits_and_orders_are_true(hour: Hour, closed: npt.NDArray[np.void]) -> None:
    """One visit a session, none a bot's, with the orders of the truth, by site; sites sum up the same."""
    sessions = [one.session_id for one in hour.partition.closed]
    assert len(set(sessions)) == len(sessions) == closed.size
    assert not closed["bot"].any()
    summed: dict[str, Counter[str]] = {site: Counter() for site in hour.shop.totals()["sites"]}
    for one in hour.records("site-delta"):
        told: dict[str, Any] = {name: one[name] for name in ("visits", "converted_visits", "orders")}
        summed[one["site_id"]] += Counter(told)
    for site, truth in hour.shop.totals()["sites"].items():
        of_site = closed[closed["site_id"] == site.encode()]
        assert (of_site.size, int(of_site["orders"].sum())) == (truth["visits"], truth["orders"])
        assert [summed[site][name] for name in ("visits", "converted_visits", "orders")] == [
            truth[name] for name in ("visits", "converted", "orders")
        ]


def test_every_type_of_event_occurs(hour: Hour) -> None:
    """All 32."""
    assert {event["type"] for event in hour.events} == set(EVENT_TYPES)


def test_every_timer_fires_while_visitors_are_there(hour: Hour) -> None:
    """All timers, the shorter ones of them many times; and some after the visit."""
    fired = Counter(timer for folded in hour.partition.folded for timer in folded.fired.timer.tolist())
    assert [fired[timer] > 10 for timer in range(len(TIMERS))] == [True] * len(TIMERS)
    assert any(folded.fired.post_session.any() for folded in hour.partition.folded)


def test_every_friction_and_loud_tier_occurs(hour: Hour) -> None:
    """Each often enough to be seen in a demo, and many are shown to someone who is still there."""
    told = hour.records("intervention")
    frictions = Counter(one["friction_id"] for one in told)
    tiers = Counter(one["tier"] for one in told)
    assert min(frictions[friction] for friction in ("F028", "F068", "F089", "F094")) > 20
    assert min(tiers[tier] for tier in ("NUDGE", "ACTIVE", "ESCALATE")) > 20
    counted = hour.shop.totals()["interventions"]
    assert counted["heard"] == len(told)
    assert min(counted[what] for what in ("shown", "clicked", "dismissed", "gone")) > 10
    assert counted["heard"] == counted["gone"] + counted["shown"]


def test_every_frustration_shows(closed: npt.NDArray[np.void]) -> None:
    """Rage, dead and error clicks, quick returns, refined searches, products compared, stock and shipping."""
    for name in FRUSTRATIONS:
        assert (feature(closed, name) > 0).sum() > 5, name
    silent = feature(closed, "timer.checkout_idle_300") > 0
    assert (silent & (feature(closed, "cart_value_max") > 200)).any(), (
        "a checkout with more than 200 in the cart falls silent"
    )
