"""A checkout that falls silent is escalated by time alone."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from models.behaviour.config import FoldConfig
from models.behaviour.layout import SESSION_LAYOUT
from models.live.turn import Minds
from tests.models.behaviour.events import NO_PERSONALIZATION, START, event
from tests.models.live.partition import LivePartition, minds
from topics.state.base import LAYOUT_KEY_PREFIX
from topics.state.column import ColumnState

SITE = {"site_id": "site", "version": 1, "mode": "active", "opted_in": True}
CART_VALUE = 250.0
LAST_S = 90
IDLE_S = 300
SLACK_S = FoldConfig().timer_slack_ms / 1_000
HELD_OUT_BELOW = 500
"""Of 10,000 buckets, those of the holdout: 5 % (given)."""

Record = dict[str, Any]


def checkout(session: str, visitor: str, **told: Any) -> list[Record]:
    """A visit that ends in silence at the checkout, with a cart of CART_VALUE."""
    steps: list[Record] = [
        {"type": "page_view", "page_type": "product", "page_id": "p", "at_s": 0},
        {"type": "add_to_cart", "page_type": "product", "page_id": "p", "at_s": 40},
        {"type": "page_view", "page_type": "checkout", "page_id": "checkout", "at_s": 60},
        {"type": "begin_checkout", "page_type": "checkout", "page_id": "checkout", "at_s": 61},
        {"type": "add_shipping_info", "page_type": "checkout", "page_id": "checkout", "at_s": LAST_S},
    ]
    cart = {"cart_items": 2, "cart_value": CART_VALUE}
    return [event(session_id=session, visitor_id=visitor, **({} if k == 0 else cart) | step | told)
            for k, step in enumerate(steps)]  # fmt: skip


def visitor(consulted: Minds, *, held_out: bool) -> str:
    """One in the holdout, or not."""
    bucket = consulted.draws.bucket
    return next(v for v in (f"v{k}" for k in count()) if (bucket("site", v) < HELD_OUT_BELOW) == held_out)


def silent(consulted: Minds, session: str, who: str, **told: Any) -> LivePartition:
    """The visit, and then nothing but time, up to when its timer of 300 s has fired."""
    partition = LivePartition(consulted).take(checkout(session, who, **told))
    return partition.advance(at(LAST_S + IDLE_S + SLACK_S))


def at(second: float) -> int:
    return START + round(second * 1_000)


def by_checkout(partition: LivePartition) -> list[Record]:
    """What the timer led to."""
    return [one for one in partition.records["decision"] if one["timer"] == "checkout_idle_300"]


def firing(consulted: Minds) -> tuple[str, str]:
    """A session whose draw chooses an action, and its visitor."""
    who = visitor(consulted, held_out=False)
    for k in count():
        decided = by_checkout(silent(consulted, f"s{k}", who))
        if decided and decided[0]["result"] == "fire":
            return f"s{k}", who
    raise AssertionError


@pytest.fixture(scope="module")
def consulted() -> Minds:
    return minds(configs=[SITE])


@pytest.fixture(scope="module")
def guest(consulted: Minds) -> tuple[str, str]:
    return firing(consulted)


def test_it_escalates_when_300_s_have_passed(consulted: Minds, guest: tuple[str, str]) -> None:
    """One decision at its deadline, raised by gate 2 for F089, and one intervention; not a millisecond before."""
    partition = LivePartition(consulted).take(checkout(*guest))
    partition.advance(at(LAST_S + IDLE_S + SLACK_S) - 1)
    assert by_checkout(partition) == []
    partition.advance(at(LAST_S + IDLE_S + SLACK_S))
    (decision,) = by_checkout(partition)
    assert (decision["trigger"], decision["decided_at"]) == ("timer", at(LAST_S + IDLE_S))
    assert (decision["tier"], decision["friction_id"], decision["gates"][2]) == ("ESCALATE", "F089", "checkout_idle")
    told = [one for one in partition.records["intervention"] if one["decided_at"] == at(LAST_S + IDLE_S)]
    assert [(one["intervention_id"], one["tier"]) for one in told] == [(decision["decision_id"], "ESCALATE")]
    partition.advance(at(LAST_S + IDLE_S + 200))
    assert len(by_checkout(partition)) == 1


def test_nothing_happens_without_consent(consulted: Minds, guest: tuple[str, str]) -> None:
    """Not even a record."""
    partition = silent(consulted, *guest, consent=NO_PERSONALIZATION)
    assert partition.records["decision"] == partition.records["intervention"] == []
    assert any(folded.fired.timer.size for folded in partition.folded)


def test_the_holdout_is_shown_nothing(consulted: Minds) -> None:
    """What it would have been is recorded."""
    partition = silent(consulted, "s", visitor(consulted, held_out=True))
    (decision,) = by_checkout(partition)
    assert (decision["result"], decision["tier"], decision["gates"][0]) == ("holdout", "ESCALATE", "holdout")
    assert decision["arm_id"].startswith("a:site:F089:")
    assert partition.records["intervention"] == []


def test_a_stopped_site_is_shown_nothing(guest: tuple[str, str]) -> None:
    """The kill switch stops it at once, in the middle of a visit too."""
    stopped = minds(configs=[SITE])
    partition = LivePartition(stopped).take(checkout(*guest))
    stopped.sites.apply_config("site", SITE | {"version": 2, "kill_switch": True}, 1)
    before = len(partition.records["intervention"])
    partition.advance(at(LAST_S + IDLE_S + SLACK_S))
    assert len(partition.records["intervention"]) == before
    assert all(one["result"] == "suppress" for one in by_checkout(partition))


def test_a_limited_site_is_nudged_at_most() -> None:
    """What was lowered, from what and why, is told."""
    limited = minds(configs=[SITE | {"mode": "limited_active"}])
    partition = silent(limited, *firing(limited))
    (decision,) = by_checkout(partition)
    assert (decision["tier"], decision["gates"][4]) == ("NUDGE", "limited_active")
    assert decision["loud_limit"] == "ESCALATE to NUDGE: limited_active"
    assert {one["tier"] for one in partition.records["intervention"]} <= {"PASSIVE", "NUDGE"}


def test_a_small_cart_raises_nothing(consulted: Minds, guest: tuple[str, str]) -> None:
    """Up to 200, gate 2 does not hold."""
    partition = silent(consulted, *guest, cart_value=200.0)
    assert all(one["gates"][2] == "" for one in by_checkout(partition))
    assert partition.counts["gate", (("gate", "2"), ("condition", "checkout_idle"))] == 0


def test_a_restart_changes_nothing(consulted: Minds, guest: tuple[str, str]) -> None:
    """Rows written to the changelog and read back, between the last event and the timer."""
    stayed = silent(consulted, *guest)
    partition = LivePartition(consulted)
    partition.state.keep = lambda: None  # type: ignore[method-assign]
    partition.take(checkout(*guest))
    written = partition.state.changes()
    assert len([key for key in written.keys if not key.startswith(LAYOUT_KEY_PREFIX)]) == 1
    restored = ColumnState(SESSION_LAYOUT)
    restored.load(written.keys, written.values)
    again = LivePartition(consulted, watermark=partition.watermark, state=restored)
    again.advance(at(LAST_S + IDLE_S + SLACK_S))
    both = [*partition.records["decision"], *again.records["decision"]]
    assert both == stayed.records["decision"]
    assert again.records["intervention"] == stayed.records["intervention"][-1:]
    assert again.records["intervention"][0]["tier"] == "ESCALATE"
