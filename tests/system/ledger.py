"""What must hold between decisions, rewards, posteriors, activity and tuples, by plain sums over committed topics.

Each function states one of it; `assert_consistent` asks all. Nothing of the stream is used but decoders, and the
replay of decisions, whose promise this is.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from models.ava.catalog import installed_catalog
from models.ava.deciding import Policy
from models.ava.draws import Draws, master_key
from models.ava.replay import differences, redecide
from models.serving.scorer import Scorer
from tests.reference.clock import arrival, event_time
from tests.system.outcome import Visit
from tests.system.reading import newest, read_topic, records
from tests.system.refolded import Refolded
from tests.system.stream import MASTER_KEY
from topics.settings import Settings

Record = dict[str, Any]
Sums = dict[str, tuple[float, ...]]

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
LATENESS_MS = MINUTE_MS
WINDOW_MS = 10 * MINUTE_MS
"""Of a decision's reward."""
INTERVAL_MS = 10 * SECOND_MS
"""How far assembly's time may lie behind that of the sources."""
FIRST_MS = 30 * MINUTE_MS + LATENESS_MS + INTERVAL_MS
"""From a tombstone to the first revision."""
FINAL_MS = 24 * HOUR_MS + LATENESS_MS
QUANTA = 2**12
"""Of a reward, in 1."""
ACTIVITY_SUMS = ("n", "reward_sum", "reward_sum_sq", "converted", "several")
OF_ACTIVITY = ("container_id", "hour", *ACTIVITY_SUMS)
"""What is read of its rows, which are wide."""
OF_US_ALONE = ("reward-delta", "site-delta", "container-activity")
SAME = {
    "decision": ("site_id", "visit_started_at", "result", "arm_id", "action", "friction_id"),
    "intervention": (
        *("site_id", "session_id", "visit_started_at", "decided_at", "tier", "composite"),
        *("trigger", "action", "arm_id", "friction_id"),
    ),
}


class Ledger(NamedTuple):
    """Every committed record, by topic."""

    decisions: list[Record]
    """Those concluded."""
    suppressed: list[Record]
    """The sample of the others."""
    interventions: list[Record]
    rewards: list[Record]
    """Of decisions."""
    exposures: list[Record]
    """Rewards of containers."""
    posteriors: dict[str, Record]
    """The newest by arm."""
    activity: list[Record]
    stats: dict[str, Record]
    """The newest by container."""
    tuples: list[Record]
    site_deltas: list[Record]
    tombstones: list[Record]


def read_ledger(settings: Settings) -> Ledger:
    """Read all of it."""
    decisions, updates = records(settings, "decision"), records(settings, "reward-update")
    for topic in OF_US_ALONE:
        assert not any(read_topic(settings, f"{topic}.dlq").values()), f"{topic} holds what we cannot read ourselves"
    return Ledger(
        decisions=[one for one in decisions if one["result"] != "suppress"],
        suppressed=[one for one in decisions if one["result"] == "suppress"],
        interventions=records(settings, "intervention"),
        rewards=[one for one in updates if one["subject"] == "decision"],
        exposures=[one for one in updates if one["subject"] == "container"],
        posteriors=newest(settings, "arm-posterior"),
        activity=records(settings, "container-activity", OF_ACTIVITY),
        stats=newest(settings, "container-stats"),
        tuples=records(settings, "training-tuple"),
        site_deltas=records(settings, "site-delta"),
        tombstones=records(settings, "tombstone"),
    )


def assert_consistent(ledger: Ledger, wanted: Refolded) -> None:
    """All that must hold."""
    nothing_twice(ledger)
    fired_is_shown(ledger)
    decisions_are_rewarded(ledger, wanted)
    rewards_are_of_their_decisions(ledger)
    posteriors_are_sums(ledger)
    activity_is_rewards(ledger)
    tuples_are_activity(ledger, min(wanted.watermarks.values()))
    sites_count_it(ledger)
    decisions_replay(ledger)


def nothing_twice(ledger: Ledger) -> None:
    """No id occurs twice on a topic."""
    ids: dict[str, Iterable[Hashable]] = {
        "decision": [one["decision_id"] for one in ledger.decisions + ledger.suppressed],
        "intervention": [one["intervention_id"] for one in ledger.interventions],
        "reward-update": [one["reward_id"] for one in ledger.rewards + ledger.exposures],
        "training-tuple": [(one["tuple_id"], one["revision"]) for one in ledger.tuples],
    }
    for topic, found in ids.items():
        assert [one for one, times in Counter(found).items() if times > 1] == [], topic


def fired_is_shown(ledger: Ledger) -> None:
    """An intervention for each decision that fired, saying the same, and no other."""
    fired = {one["decision_id"]: one for one in ledger.decisions if one["result"] == "fire"}
    shown = {one["intervention_id"]: one for one in ledger.interventions}
    assert fired.keys() == shown.keys()
    for name, decision in fired.items():
        assert _picked(shown[name], SAME["intervention"]) == _picked(decision, SAME["intervention"]), name
        assert shown[name]["propensity"] == _propensity(decision), name


def decisions_are_rewarded(ledger: Ledger, wanted: Refolded) -> None:
    """Each decision once its window has ended, none before; of an erased visit's last one may be missing.

    The decisions of a visit are numbered without a gap, and one ends the window of the one before.
    """
    rewarded = {one["decision_id"] for one in ledger.rewards}
    assert rewarded <= {one["decision_id"] for one in ledger.decisions}
    for visit, decisions in _by_visit(ledger.decisions).items():
        assert [one["number"] for one in decisions] == list(range(len(decisions))), visit
        missing = [one for one in decisions if one["decision_id"] not in rewarded]
        if visit in wanted.erased:
            assert missing in ([], decisions[-1:]), visit
            continue
        ends = decisions[-1]["decided_at"] + WINDOW_MS + LATENESS_MS
        is_open = visit in wanted.standing and wanted.standing[visit] < ends
        assert missing == (decisions[-1:] if is_open else []), visit


def rewards_are_of_their_decisions(ledger: Ledger) -> None:
    """A reward names its decision's arm, draw and window, and is .2 + .5 y + .3 e - .2 b, or 0 where that is said."""
    decisions = {one["decision_id"]: one for one in ledger.decisions}
    following = {
        one["decision_id"]: after
        for of_visit in _by_visit(ledger.decisions).values()
        for one, after in pairwise(of_visit)
    }
    for one in ledger.rewards:
        name, decision = one["decision_id"], decisions[one["decision_id"]]
        assert _picked(one, SAME["decision"]) == _picked(decision, SAME["decision"]), name
        assert (one["from"], one["propensity"]) == (decision["decided_at"], _propensity(decision)), name
        until = following[name]["decided_at"] if name in following else math.inf
        assert one["cut"] == (until < one["from"] + WINDOW_MS), name
        assert one["from"] <= one["to"] <= min(until, one["from"] + WINDOW_MS), name
    for one in ledger.rewards + ledger.exposures:
        worth = 0.2 + 0.5 * one["converted"] + 0.3 * one["engagement"] - 0.2 * one["bounced"]
        none = one["dismissed"] or one["defaulted"]
        assert one["reward"] == (0.0 if none else round(worth * QUANTA) / QUANTA), one["reward_id"]


def posteriors_are_sums(ledger: Ledger) -> None:
    """The newest posterior of each arm has the exact sums of its rewards, containers' arms too, the holdout aside."""
    learned = [one for one in ledger.rewards + ledger.exposures if one["result"] != "holdout"]
    told = {arm: (one["n"], one["reward_sum"], one["reward_sum_sq"]) for arm, one in ledger.posteriors.items()}
    assert told == _sums((one["arm_id"], one["reward"]) for one in learned)


def activity_is_rewards(ledger: Ledger) -> None:
    """By container and hour, activity adds up to the containers' rewards."""
    seen = Counter(_visit(one) for one in ledger.exposures)
    rewards: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0] * 5)
    for one in ledger.exposures:
        r = one["reward"]
        _add(rewards[one["container_id"], _hour(one["from"])], (1, r, r * r, one["converted"], seen[_visit(one)] > 1))
    activity: defaultdict[tuple[str, int], list[float]] = defaultdict(lambda: [0] * 5)
    for one in ledger.activity:
        _add(activity[one["container_id"], one["hour"]], [one[name] for name in ACTIVITY_SUMS])
    assert activity == rewards


def tuples_are_activity(ledger: Ledger, watermark: int) -> None:
    """Of every container retired long enough ago: revisions from 1 without a gap, a last one, all its visits in it."""
    n, hours = Counter[str](), defaultdict[str, dict[int, int]](dict)
    for one in ledger.activity:
        n[one["container_id"]] += one["n"]
        hours[one["container_id"]][one["hour"]] = hours[one["container_id"]].get(one["hour"], 0) + one["n"]
    tuples: defaultdict[str, list[Record]] = defaultdict(list)
    for one in sorted(ledger.tuples, key=lambda one: int(one["revision"])):
        tuples[one["container_id"]].append(one)
    retired = _retired(ledger.tombstones)
    assert tuples.keys() <= retired.keys()
    for container, at in retired.items():
        made = tuples[container]
        assert [one["revision"] for one in made] == list(range(1, len(made) + 1)), container
        assert {(one["tuple_id"], one["retired_at"]) for one in made} <= {(f"{container}:{at}", at)}, container
        assert [one["final"] for one in made[:-1]] == [False] * len(made[:-1]), container
        assert at + FIRST_MS > watermark - INTERVAL_MS or made, f"{container} has no tuple"
        assert at + FIRST_MS <= watermark or not made, f"{container} has a tuple too early"
        if at + FINAL_MS <= watermark - INTERVAL_MS:
            assert made[-1]["final"], f"{container} has no final tuple"
            assert made[-1]["reward"]["n"] == n[container], container
            assert {one["hour"]: one["n"] for one in ledger.stats[container]["hours"]} == hours[container], container


def sites_count_it(ledger: Ledger) -> None:
    """The sums of sites count what lies on the other topics."""
    there: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in ledger.decisions:
        there[one["site_id"]][{"fire": "fired", "no_op": "no_ops", "holdout": "holdouts"}[one["result"]]] += 1
    for one in ledger.rewards:
        there[one["site_id"]].update({"rewards": 1, "rewards_defaulted": one["defaulted"], "rewards_cut": one["cut"]})
    for one in ledger.exposures:
        there[one["site_id"]]["exposures"] += 1
    for one in ledger.tuples:
        there[one["site_id"]].update({"tuples": one["revision"] == 1, "tuples_final": one["final"]})
    told: defaultdict[str, Counter[str]] = defaultdict(Counter)
    evaluated: Counter[str] = Counter()
    for one in ledger.site_deltas:
        names = (*("fired", "no_ops", "holdouts"), *("rewards", "rewards_defaulted", "rewards_cut"))
        told[one["site_id"]].update({name: one[name] for name in (*names, "exposures", "tuples", "tuples_final")})
        evaluated[one["site_id"]] += one["evaluations"] - one["suppressed"]
    assert {site: +counts for site, counts in told.items() if +counts} == {
        site: +counts for site, counts in there.items()
    }
    assert +evaluated == Counter(one["site_id"] for one in ledger.decisions)


def decisions_replay(ledger: Ledger) -> None:
    """Decided again from its record alone, each is the same to the bit, its draw included."""
    policy = Policy(installed_catalog(), bound=Scorer().manifest.adjustment_bound)
    draws = Draws(master_key(MASTER_KEY))
    for record in ledger.decisions + ledger.suppressed:
        again = redecide(record, policy, draws)
        assert differences(record, again) == [], record["decision_id"]


def _retired(tombstones: Iterable[Record]) -> dict[str, int]:
    """When each container was retired by its first tombstone, event time."""
    retired: dict[str, int] = {}
    for one in tombstones:
        at = event_time(one, arrival(one, 0, "event"))
        retired[one["container_id"]] = min(at, retired.get(one["container_id"], at))
    return retired


def _sums(rewards: Iterable[tuple[str, float]]) -> Sums:
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0, 0.0])
    for arm, reward in rewards:
        _add(sums[arm], (1, reward, reward * reward))
    return {arm: tuple(found) for arm, found in sums.items()}


def _add(to: list[float], what: Iterable[float]) -> None:
    to[:] = [one + other for one, other in zip(to, what, strict=True)]


def _by_visit(decisions: Iterable[Record]) -> dict[Visit, list[Record]]:
    visits: defaultdict[Visit, list[Record]] = defaultdict(list)
    for one in sorted(decisions, key=lambda one: int(one["number"])):
        visits[_visit(one)].append(one)
    return visits


def _visit(record: Mapping[str, Any]) -> Visit:
    return record["session_id"], record["visit_started_at"]


def _hour(at_ms: int) -> int:
    return at_ms // HOUR_MS * HOUR_MS


def _picked(record: Mapping[str, Any], names: Iterable[str]) -> Record:
    return {name: record[name] for name in names}


def _propensity(decision: Record) -> float:
    """Of the arm drawn."""
    return next(float(arm["propensity"]) for arm in decision["arms"] if arm["arm_id"] == decision["arm_id"])
