"""What an hour of decisions leaves on the topics agrees with itself, with the sites' sums and with the shop's truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from models.ava.arms import EXPLORATORY_A_DAY
from models.ava.replay import differences, redecide
from models.behaviour.moment import INPUT_PLACE
from schemas.codec import Decoder
from schemas.encoder import Encoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from schemas.validation import violations
from tests.models.live.hour import STOPPED, Hour

Record = dict[str, Any]

TOPICS = (
    "decision",
    "intervention",
    "reward-update",
    "reward-delta",
    "container-activity",
    "site-delta",
)
AGREED = ("arm_id", "action", "result", "friction_id", "site_id", "session_id", "visit_started_at")
"""What a reward repeats of its decision."""


def event_time(event: Record) -> int:
    """When it happened by the collector's clock."""
    return int(event["occurred_at"] + event["received_at"] - event["sent_at"])


def first_arrivals(of_session: Iterable[Record]) -> list[Record]:
    """The events without those that came twice."""
    return list({event["event_id"]: event for event in reversed(list(of_session))}.values())[::-1]


def propensity(decision: Record) -> float:
    """Of the arm drawn."""
    (drawn,) = (arm["propensity"] for arm in decision["arms"] if arm["arm_id"] == decision["arm_id"])
    return float(drawn)


def erased(hour: Hour) -> set[str]:
    """The sessions whose visitor took analytics consent back: their visit is erased with all it remembered."""
    return {session for session, of_session in hour.by_session.items() if not _consents(of_session[-1], "analytics")}


def _consents(event: Record, to: str) -> bool:
    return bool(event["consent"][to])


def test_every_tier_fires(hour: Hour) -> None:
    """From PASSIVE to ESCALATE, each more than 50 times."""
    fired = Counter(one["tier"] for one in hour.concluded.values() if one["result"] == "fire")
    assert min(fired[tier] for tier in ("PASSIVE", "NUDGE", "ACTIVE", "ESCALATE")) > 50


def test_every_conclusion_has_one_reward(hour: Hour) -> None:
    """With its id, arm and propensity, unless the visit was erased before its window ended; and no other reward."""
    rewards = hour.rewards("decision")
    by_id = {one["decision_id"]: one for one in rewards}
    assert len(by_id) == len(rewards) > 5_000
    assert by_id.keys() <= hour.concluded.keys()
    without = {hour.concluded[one]["session_id"] for one in hour.concluded.keys() - by_id.keys()}
    assert without <= erased(hour)
    assert len(without) < 0.01 * len(rewards)
    for identifier, reward in by_id.items():
        decision = hour.concluded[identifier]
        assert {name: reward[name] for name in AGREED} == {name: decision[name] for name in AGREED}
        assert reward["propensity"] == propensity(decision)
        assert reward["from"] == decision["decided_at"]


def test_what_fires_is_told_once_and_nothing_else_is(hour: Hour) -> None:
    """One intervention a fire, with the decision's id and arm."""
    told = hour.records("intervention")
    fired = {identifier: one for identifier, one in hour.concluded.items() if one["result"] == "fire"}
    assert Counter(one["intervention_id"] for one in told) == Counter(fired.keys())
    for one in told:
        decision = fired[one["intervention_id"]]
        assert [one[name] for name in ("arm_id", "tier", "action", "decided_at")] == [
            decision[name] for name in ("arm_id", "tier", "action", "decided_at")
        ]
        assert one["propensity"] == propensity(decision)


def test_no_arm_is_drawn_that_was_not_eligible(hour: Hour) -> None:
    """Propensities sum to 1 with no_op at .05 or more and the others at .01 or more; draws decide as recorded."""
    for one in hour.concluded.values():
        shares = {arm["action"]: arm["propensity"] for arm in one["arms"]}
        assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
        assert shares["no_op"] >= 0.05
        if one["features"][INPUT_PLACE["explored_today"]] < EXPLORATORY_A_DAY:
            assert min(shares.values()) >= 0.01
        else:
            assert sum(share > 0 for action, share in shares.items() if action != "no_op") == 1
        assert (one["action"] == "no_op") == (one["result"] == "no_op") or one["result"] == "holdout"


def test_deltas_by_arm_are_the_sums_of_rewards(hour: Hour) -> None:
    """To the last bit, without the holdout; arms of the holdout alone have none."""
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for one in hour.records("reward-update"):
        if one["result"] != "holdout":
            _add(sums[one["arm_id"]], 1, one["reward"], one["reward"] ** 2)
    deltas: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for one in hour.records("reward-delta"):
        _add(deltas[one["arm_id"]], one["n"], one["reward_sum"], one["reward_sum_sq"])
    assert deltas == sums
    assert any(arm.startswith("a:") for arm in sums)
    assert any(arm.startswith("c:") for arm in sums)


def test_container_activity_holds_the_container_rewards(hour: Hour) -> None:
    """Visits, rewards, squares and conversions by container and site; and of them those of the holdout."""
    told: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0] * 8)
    for one in hour.rewards("container"):
        reward, held = one["reward"], one["session_id"] in hour.held_out
        key = one["container_id"], one["site_id"]
        _add(told[key], 1, reward, reward**2, one["converted"], held, held * reward, held * reward**2, 0)
    seen = Counter((one["session_id"], one["visit_started_at"]) for one in hour.rewards("container"))
    for one in hour.rewards("container"):
        several = seen[one["session_id"], one["visit_started_at"]] > 1
        _add(told[one["container_id"], one["site_id"]], 0, 0, 0, 0, 0, 0, 0, several)
    names = ("n", "reward_sum", "reward_sum_sq", "converted", "holdout_n", "holdout_reward_sum",
             "holdout_reward_sum_sq", "several")  # fmt: skip
    summed: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0] * 8)
    for one in hour.records("container-activity"):
        _add(summed[one["container_id"], one["site_id"]], *(one[name] for name in names))
    assert summed == told
    assert sum(sums[4] for sums in summed.values()) > 100


def _add(sums: list[float], *amounts: float) -> None:
    for at, amount in enumerate(amounts):
        sums[at] += amount


def test_sites_count_what_the_records_say(hour: Hour) -> None:
    """Evaluations, conclusions by result, rewards by kind, exposures."""
    said: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in hour.concluded.values():
        field = {"fire": "fired", "no_op": "no_ops", "holdout": "holdouts"}[one["result"]]
        said[one["site_id"]][field] += 1
    for one in hour.rewards("decision"):
        said[one["site_id"]] += Counter(rewards=1, rewards_defaulted=one["defaulted"], rewards_cut=one["cut"])
    for one in hour.rewards("container"):
        said[one["site_id"]]["exposures"] += 1
    summed = site_sums(hour)
    for site in hour.shop.totals()["sites"]:
        sums = summed[site]
        for name in ("fired", "no_ops", "holdouts", "rewards", "rewards_defaulted", "rewards_cut", "exposures"):
            assert sums[name] == said[site][name], (site, name)
        concluded = sums["fired"] + sums["no_ops"] + sums["holdouts"]
        assert sums["evaluations"] == sums["suppressed"] + concluded
        assert sums["suppressed"] > sum(
            one["result"] == "suppress" for one in hour.records("decision") if one["site_id"] == site
        )
    assert sum(sums["evaluations"] for sums in summed.values()) == hour.partition.counts["evaluations", ()]


def site_sums(hour: Hour) -> defaultdict[str, Counter[str]]:
    """What site-delta counts, by site and field."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in hour.records("site-delta"):
        sums[one["site_id"]] += Counter({name: n for name, n in one.items() if isinstance(n, int)})
    return sums


def test_nobody_is_decided_on_without_consent(hour: Hour) -> None:
    """At each decision the newest event of its session consents to personalization; nor is anything sampled else."""
    decided = 0
    for one in hour.records("decision"):
        before = [e for e in hour.by_session[one["session_id"]] if event_time(e) <= one["decided_at"]]
        assert _consents(max(before, key=event_time), "personalization")
        decided += 1
    withheld = {s for s, of in hour.by_session.items() if not any(_consents(e, "personalization") for e in of)}
    assert len(withheld) > 100
    assert decided > 5_000


def test_a_stopped_site_concludes_nothing(hour: Hour) -> None:
    """Its visits are folded and evaluated; each evaluation that is recorded names the kill switch."""
    of_site = [one for one in hour.records("decision") if one["site_id"] == STOPPED]
    assert {one["gates"][0] for one in of_site} == {"kill_switch"}
    assert {one["result"] for one in of_site} == {"suppress"}
    sums = site_sums(hour)[STOPPED]
    assert sums["evaluations"] == sums["suppressed"] > 500
    assert not any(one["site_id"] == STOPPED for one in hour.records("intervention"))


def test_the_holdout_is_shown_nothing(hour: Hour) -> None:
    """Every conclusion about a visitor in the holdout says holdout, and no other does."""
    held = {one["session_id"] for one in hour.concluded.values() if one["result"] == "holdout"}
    others = {one["session_id"] for one in hour.concluded.values() if one["result"] != "holdout"}
    assert held <= hour.held_out
    assert not others & hour.held_out
    assert len(held) > 50
    assert not any(visit["interventions"] for visit in hour.visits if visit["session_id"] in hour.held_out)


@pytest.mark.parametrize("topic", TOPICS)
def test_every_record_fits_its_schema(hour: Hour, topic: str) -> None:
    """It is written, read back as it was, and breaks no constraint."""
    records, kind = hour.records(topic), record_type(topic)
    encoder = Encoder(kind)
    decoded = Decoder(kind, SchemaStore()).decode([encoder.encode(one) for one in records])
    assert records
    assert not decoded.bad
    assert violations(decoded.batch, kind) == []
    assert all(now == now | one for one, now in zip(records, decoded.batch.to_pylist(), strict=True))


def test_every_decision_comes_out_the_same_again(hour: Hour) -> None:
    """Bit for bit from its record, the draw included; those that concluded nothing too."""
    policy, draws = hour.minds.decider.policy, hour.minds.draws
    for one in hour.records("decision"):
        assert differences(one, redecide(one, policy, draws)) == []


def test_orders_count_where_they_are_true(hour: Hour) -> None:
    """y is told of the windows in which the visit's order began, and of no other; what no window holds is late."""
    truth = {visit["session_id"]: visit for visit in hour.visits}
    windows: defaultdict[str, list[Record]] = defaultdict(list)
    for one in hour.rewards("decision"):
        windows[one["session_id"]].append(one)
    late: Counter[str] = Counter()
    converted = 0
    for session, of_session in windows.items():
        ordered: dict[str, int] = {}
        for event in first_arrivals(hour.by_session[session]):
            if event["type"] == "purchase":
                ordered.setdefault(event["order_id"], event_time(event))
        assert list(ordered) == truth[session]["orders"]
        for one in of_session:
            assert one["converted"] == any(one["from"] < at <= one["to"] for at in ordered.values())
            converted += one["converted"]
        for at in ordered.values():
            after = [one for one in of_session if one["from"] < at]
            late[of_session[0]["site_id"]] += bool(after) and not any(at <= one["to"] for one in after)
    assert converted > 100
    assert {site: sums["late_conversions"] for site, sums in site_sums(hour).items()} == {
        site: late[site] for site in site_sums(hour)
    }


def test_dismissals_count_where_they_are_true(hour: Hour) -> None:
    """A window is dismissed where the visitor dismissed something in it, and is then worth nothing."""
    truth = {visit["session_id"]: visit for visit in hour.visits}
    dismissed = 0
    for one in hour.rewards("decision"):
        events = first_arrivals(hour.by_session[one["session_id"]])
        at = [event_time(event) for event in events if event["type"] == "intervention_dismissed"]
        assert len(at) == sum(heard["reaction"] == "dismissed" for heard in truth[one["session_id"]]["interventions"])
        assert one["dismissed"] == any(one["from"] < when <= one["to"] for when in at)
        assert one["reward"] == 0 or not one["dismissed"]
        dismissed += one["dismissed"]
    assert dismissed > 30


def test_windows_do_not_overlap(hour: Hour) -> None:
    """Of one visit each begins at its decision, ends within 10 minutes, and where it is cut, where the next begins."""
    of_visit: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
    for one in hour.rewards("decision"):
        of_visit[one["session_id"], one["visit_started_at"]].append(one)
    for windows in of_visit.values():
        windows.sort(key=lambda one: int(one["decision_id"].rpartition(":")[2]))
        assert all(0 <= one["to"] - one["from"] <= 600_000 for one in windows)
        for one, following in pairwise(windows):
            assert one["to"] <= following["from"]
            assert not one["cut"] or one["to"] == following["from"]
        assert not windows[-1]["cut"]
