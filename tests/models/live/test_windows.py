"""The windows of rewards, told as visits: what ends them, what counts in them, and what containers earn."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.behaviour.config import HOUR_MS
from models.behaviour.moment import INPUT_PLACE
from models.live.turn import Minds
from models.rewards.reward import QUANTUM
from models.serving.scorer import Scores
from tests.models.behaviour.events import NO_CONSENT, NO_PERSONALIZATION, START, event
from tests.models.live.partition import LivePartition, minds
from tests.models.live.test_checkout import SITE, at, by_checkout, checkout, firing, silent, visitor

WINDOW_S = 600
LATENESS_S = 60
DECIDED_S = 390
"""When the silent checkout is decided on: 300 s after its last activity."""
GAP_S = 1_800
CLOSED_S = 2_000_000
EMPTY = {"cart_items": 0, "cart_value": 0.0}
"""A cart in which no timer waits any more."""

Record = dict[str, Any]


@pytest.fixture(scope="module")
def consulted() -> Minds:
    return minds(configs=[SITE])


@pytest.fixture(scope="module")
def guest(consulted: Minds) -> tuple[str, str]:
    return firing(consulted)


class Visit:
    """The silent checkout of a guest, and how it goes on."""

    def __init__(self, consulted: Minds, guest: tuple[str, str]) -> None:
        self.partition = LivePartition(consulted).take(checkout(*guest))
        self._who = {"session_id": guest[0], "visitor_id": guest[1], "page_type": "checkout", "page_id": "checkout"}

    def told(self, **fields: Any) -> Record:
        """An event of the visit."""
        return event(**(self._who | fields))

    def then(self, *events: Record) -> Visit:
        """What happens next, in one batch."""
        self.partition.take(events)
        return self

    def until(self, second: float) -> Visit:
        self.partition.advance(at(second))
        return self

    @property
    def rewards(self) -> list[Record]:
        """Of decisions from the timer's on."""
        found = self.partition.records["reward-update"]
        return [one for one in found if one["subject"] == "decision" and one["from"] >= at(DECIDED_S)]

    @property
    def reward(self) -> Record:
        """Of the timer's decision."""
        return next(one for one in self.rewards if one["from"] == at(DECIDED_S))


def late_conversions(visit: Visit) -> int:
    """As the site counts them."""
    return sum(one.get("late_conversions", 0) for one in visit.partition.records["site-delta"])


@pytest.fixture
def visit(consulted: Minds, guest: tuple[str, str]) -> Visit:
    return Visit(consulted, guest).until(DECIDED_S + 2)


def test_time_ends_a_window(visit: Visit) -> None:
    """After 10 minutes and the lateness, not a millisecond before; it is told to its full length."""
    visit.then(visit.told(at_s=DECIDED_S + 20, dwell_s=20.0, **EMPTY)).until(DECIDED_S + WINDOW_S + LATENESS_S - 0.001)
    assert visit.rewards == []
    reward = visit.until(DECIDED_S + WINDOW_S + LATENESS_S).reward
    assert (reward["from"], reward["to"]) == (at(DECIDED_S), at(DECIDED_S + WINDOW_S))
    assert not any(reward[flag] for flag in ("cut", "defaulted", "converted", "dismissed"))
    assert reward["engagement"] == pytest.approx(20 / 120 / 2)
    assert len(visit.until(CLOSED_S).rewards) == 1


def test_no_further_event_is_worth_nothing(visit: Visit) -> None:
    """e = 0, b = 1, r = 0, and it says that it is the default."""
    reward = visit.until(CLOSED_S).reward
    assert (reward["reward"], reward["engagement"]) == (0, 0)
    assert reward["bounced"]
    assert reward["defaulted"]


def test_a_dismissal_is_worth_nothing(visit: Visit) -> None:
    """Whatever else happened: the order too."""
    shown = visit.partition.records["intervention"][-1]["intervention_id"]
    bought = visit.told(at_s=DECIDED_S + 90, type="purchase", order_id="o", dwell_s=60.0)
    visit.then(visit.told(at_s=DECIDED_S + 5, type="intervention_dismissed", intervention_id=shown), bought)
    reward = visit.until(CLOSED_S).reward
    assert (reward["dismissed"], reward["converted"], reward["reward"]) == (True, True, 0)


def test_a_dismissal_of_another_intervention_is_not_this_ones(visit: Visit) -> None:
    """One of an earlier decision comes late: what is open now was not dismissed."""
    of_another = "another:1:0"
    visit.then(visit.told(at_s=DECIDED_S + 5, type="intervention_dismissed", intervention_id=of_another, dwell_s=60.0))
    reward = visit.until(CLOSED_S).reward
    assert (reward["dismissed"], reward["defaulted"]) == (False, False)
    assert reward["reward"] > 0


def test_an_order_in_the_window_counts(visit: Visit) -> None:
    """y = 1, and r is the formula's."""
    visit.then(visit.told(at_s=DECIDED_S + 100, type="purchase", order_id="o", dwell_s=60.0, scroll_depth=0.5))
    reward = visit.until(CLOSED_S).reward
    assert reward["converted"]
    engagement = 60 / 120 / 2 + 0.5 / 1 / 2
    assert reward["engagement"] == engagement
    assert reward["reward"] == pytest.approx(0.2 + 0.5 + 0.3 * engagement, abs=QUANTUM / 2)
    assert late_conversions(visit) == 0


def test_an_order_after_the_window_is_late(visit: Visit) -> None:
    """It is counted for the site and changes no reward."""
    visit.then(visit.told(at_s=DECIDED_S + 10, **EMPTY))
    visit.then(visit.told(at_s=DECIDED_S + WINDOW_S + 1, type="purchase", order_id="o")).until(CLOSED_S)
    assert [one["converted"] for one in visit.rewards] == [False]
    assert late_conversions(visit) == 1


def test_the_next_decision_cuts_a_window(visit: Visit) -> None:
    """Two payments that fail are another friction: the first window ends there and the second begins."""
    failed = [visit.told(at_s=DECIDED_S + 240 + k, type="payment_error") for k in range(2)]
    visit.then(*failed)
    cut = visit.reward
    assert (cut["cut"], cut["to"]) == (True, at(DECIDED_S + 241))
    assert not cut["defaulted"]
    visit.then(visit.told(at_s=DECIDED_S + 300, type="purchase", order_id="o")).until(CLOSED_S)
    first, *others = visit.rewards
    assert [one["converted"] for one in (first, others[0])] == [False, True]
    assert others[0]["from"] == first["to"]


def test_a_gap_ends_what_is_left_of_a_window(visit: Visit) -> None:
    """An event 30 min later begins another visit; the window was over before, and the reward is told once."""
    visit.then(visit.told(at_s=DECIDED_S + 30, **EMPTY)).then(visit.told(at_s=DECIDED_S + 30 + GAP_S))
    assert visit.reward["to"] == at(DECIDED_S + WINDOW_S)
    assert not visit.reward["defaulted"]
    assert [one["from"] for one in visit.until(CLOSED_S).rewards if one["visit_started_at"] == START] == [at(DECIDED_S)]


def test_the_visits_close_ends_a_window(consulted: Minds, guest: tuple[str, str]) -> None:
    """A cart idle for 1,800 s is decided on when the visit is over: nothing can follow, and the window is empty."""
    visit = Visit(consulted, guest).until(CLOSED_S)
    (decision,) = (one for one in visit.partition.records["decision"] if one["post_session"])
    reward = next(one for one in visit.rewards if one["decision_id"] == decision["decision_id"])
    assert (decision["timer"], reward["from"]) == ("cart_idle_1800", at(90 + GAP_S))
    assert reward["to"] == reward["from"]
    assert reward["defaulted"]


def test_what_follows_in_the_same_batch_counts(consulted: Minds, guest: tuple[str, str]) -> None:
    """The timer's decision stands between two events of a batch: the later one is in its window."""
    visit = Visit(consulted, guest)
    bought = visit.told(at_s=DECIDED_S + 60, type="purchase", order_id="o")
    visit.then(visit.told(at_s=DECIDED_S - 250, type="page_ping"), bought).until(CLOSED_S)
    assert visit.reward["converted"]
    ahead = [one for one in visit.partition.records["decision"] if one["timer"] == "checkout_idle_300"]
    assert [one["decided_at"] for one in ahead] == [at(DECIDED_S)]


def test_an_erased_visit_tells_no_reward(visit: Visit) -> None:
    """Consent taken back, nothing that the visit remembered leaves any more."""
    visit.then(visit.told(at_s=DECIDED_S + 10, consent=NO_CONSENT)).until(CLOSED_S)
    assert visit.rewards == []


def test_the_holdout_is_rewarded_and_teaches_nothing(consulted: Minds) -> None:
    """Its reward says holdout and is in no delta."""
    visit = Visit(consulted, ("s", visitor(consulted, held_out=True))).until(DECIDED_S + 2)
    visit.then(visit.told(at_s=DECIDED_S + 100, type="purchase", order_id="o")).until(CLOSED_S)
    assert visit.reward["result"] == "holdout"
    assert visit.reward["converted"]
    assert visit.partition.records["reward-delta"] == []


# Containers


def seen(at_s: float, page_id: str, *containers: str, **fields: Any) -> Record:
    """A page that shows containers."""
    return event(**{"type": "page_view", "at_s": at_s, "page_id": page_id, "containers": list(containers)} | fields)


def test_a_container_is_rewarded_from_its_first_exposure_on(consulted: Minds) -> None:
    """Two containers of one visit: each with what followed it, both as one of several."""
    bought = event(type="purchase", order_id="o", at_s=100, dwell_s=30.0, scroll_depth=1.0)
    partition = LivePartition(consulted).take(
        [seen(0, "a", "c1"), event(at_s=20, dwell_s=20.0), seen(40, "b", "c2", dwell_s=6.0), bought]
    )
    partition.advance(at(CLOSED_S))
    told = {one["container_id"]: one for one in partition.records["reward-update"] if one["subject"] == "container"}
    assert [(told[c]["from"], told[c]["to"]) for c in ("c1", "c2")] == [(at(0), at(100)), (at(40), at(100))]
    assert [told[c]["engagement"] for c in ("c1", "c2")] == pytest.approx(
        [(56 / 120 + 1) / 2, (30 / 120 + 1) / 2], abs=1e-6
    )
    assert all(one["converted"] for one in told.values())
    activity = partition.records["container-activity"]
    assert {one["container_id"]: (one["n"], one["several"], one["converted"]) for one in activity} == {
        "c1": (1, 1, 1),
        "c2": (1, 1, 1),
    }


def test_a_container_has_ids_of_its_own(consulted: Minds) -> None:
    """Whatever it is called: its rewards are no decision's, and its arm is of its site alone."""
    partition = LivePartition(consulted).take(checkout("s", "v", containers=["0"]))
    partition.take(checkout("t", "v", containers=["0"], site_id="other")).advance(at(CLOSED_S))
    told = partition.records["reward-update"]
    assert {f"s:{START}:0", f"s:{START}:c:0"} <= {one["reward_id"] for one in told}
    assert len({one["reward_id"] for one in told}) == len(told)
    arms = {one["arm_id"] for one in partition.records["reward-delta"] if one["arm_id"].startswith("c:")}
    assert arms == {"c:site:0", "c:other:0"}


def test_a_glimpse_is_no_exposure(consulted: Minds) -> None:
    """Under one second in view, a container is credited nothing, and an order before it not either."""
    partition = LivePartition(consulted).take(
        [seen(0, "a", "c1"), seen(0.999, "b"), event(type="purchase", order_id="o", at_s=5), seen(9, "c", "c2")]
    )
    partition.take([event(at_s=11)]).advance(at(CLOSED_S))
    told = [one for one in partition.records["reward-update"] if one["subject"] == "container"]
    assert [(one["container_id"], one["converted"]) for one in told] == [("c2", False)]


def test_the_holdouts_visits_are_summed_apart_too(consulted: Minds) -> None:
    """Of three visits to a container, one of them of the holdout."""
    held, free = (visitor(consulted, held_out=which) for which in (True, False))
    partition = LivePartition(consulted)
    for session, who in (("s1", held), ("s2", free), ("s3", free)):
        bought = event(session_id=session, type="purchase", order_id="o", at_s=30)
        then = bought if session == "s1" else event(session_id=session, at_s=50)
        partition.take([seen(0, "a", "c", session_id=session, visitor_id=who), then])
    partition.advance(at(CLOSED_S))
    (activity,) = partition.records["container-activity"]
    told = [one for one in partition.records["reward-update"] if one["subject"] == "container"]
    worth = {one["session_id"]: one["reward"] for one in told}
    assert (activity["n"], activity["holdout_n"], activity["converted"]) == (3, 1, 1)
    assert activity["reward_sum"] == sum(worth.values())
    assert (activity["holdout_reward_sum"], activity["holdout_reward_sum_sq"]) == (worth["s1"], worth["s1"] ** 2)
    deltas = {one["arm_id"]: one["n"] for one in partition.records["reward-delta"]}
    assert deltas["c:site:c"] == 3


@pytest.mark.parametrize(
    ("share", "bucket", "held_out"),
    [
        # In floating point, .07 x 10,000 is more than 700.
        (0.07, 699, True),
        (0.07, 700, False),
        # Part of a bucket is rounded.
        (0.05004, 499, True),
        (0.05004, 500, False),
        (0.05006, 500, True),
        (0.05006, 501, False),
        (0.00004, 0, False),
    ],
)
def test_a_close_holds_out_whom_decisions_hold_out(share: float, bucket: int, held_out: bool) -> None:
    """Whatever the share of the site."""
    consulted = minds(configs=[SITE | {"holdout_share": share}])
    who = next(v for v in (f"v{k}" for k in count()) if consulted.draws.bucket("site", v) == bucket)
    partition = silent(consulted, "s", who, containers=["c"]).advance(at(CLOSED_S))
    (activity,) = partition.records["container-activity"]
    results = {one["result"] == "holdout" for one in by_checkout(partition)}
    assert results == {held_out}
    assert activity["holdout_n"] == held_out


class CountingScorer:
    """Embeds every visit as ones and remembers how many events each had."""

    version = "ones"

    def __init__(self) -> None:
        self.seen: list[float] = []

    def score(self, features: npt.NDArray[np.float32]) -> Scores:
        self.seen += features[:, INPUT_PLACE["events"]].tolist()
        sizes = {"embedding": (64,), "abandonment": (), "conversion": (), "action_values": (22,), "adjustments": (5,)}
        return Scores(**{name: np.ones((len(features), *size), np.float32) for name, size in sizes.items()})


def test_only_who_consents_is_embedded(consulted: Minds) -> None:
    """Without personalization on its last event a visit is folded and rewarded, and never scored; nor is a bot's."""
    scorer = CountingScorer()
    partition = LivePartition(replace(consulted, scorer=scorer))
    refused = {"consent": NO_PERSONALIZATION}
    for session, then in (("s1", {}), ("s2", refused), ("s3", {})):
        partition.take([seen(0, "a", "c", session_id=session), event(session_id=session, at_s=50, **then)])
    partition.take([seen(0, "a", "refused", session_id="s4", **refused), event(session_id="s4", at_s=50, **refused)])
    partition.take([seen(0, "a", "c", session_id="bot"), *(event(session_id="bot", at_s=5) for _ in range(301))])
    scorer.seen.clear()
    partition.advance(at(CLOSED_S))
    sums = partition.records["container-activity"]
    assert sum(one["n"] for one in sums) == 5
    assert sum(one["embedding_n"] for one in sums) == 2
    for one in sums:
        embedded = one["embedding_n"]
        assert one["embedding_sum"] == ([float(embedded)] * 64 if embedded else [])
        assert one["scorer"] == ("ones" if embedded else None)
    assert [one["embedding_n"] for one in sums if one["container_id"] == "refused"] == [0]
    timers = sum(int(folded.fired.waits.sum()) for folded in partition.folded)
    assert len(scorer.seen) == timers + 2


def test_an_hour_begins_with_its_first_millisecond(consulted: Minds) -> None:
    """A visit counts in the hour in which it first saw the container, not in which it ended."""
    to_the_hour_s = (HOUR_MS - START % HOUR_MS) / 1_000
    partition = LivePartition(consulted)
    for session, at_s in (("s1", to_the_hour_s - 0.001), ("s2", to_the_hour_s)):
        partition.take([seen(at_s, "a", "c", session_id=session), event(session_id=session, at_s=at_s + 60)])
    partition.advance(at(CLOSED_S))
    hours = [(one["hour"], one["n"]) for one in partition.records["container-activity"]]
    boundary = START - START % HOUR_MS + HOUR_MS
    assert sorted(hours) == [(boundary - HOUR_MS, 1), (boundary, 1)]
