"""A decision made again from its record: the same bits, and any change is seen."""

from __future__ import annotations

import copy
import random
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.ava.arms import EXPLORATORY_A_DAY
from models.ava.catalog import installed_catalog
from models.ava.deciding import BY_EVENT, Decider, Evaluations, Policy
from models.ava.draws import Draws
from models.ava.history import friction_set, no_history
from models.ava.profiles import PROFILE_NAMES
from models.ava.records import decision_record, intervention_record
from models.ava.replay import ReplayRefused, differences, redecide
from models.ava.sites import MODES, SiteContext
from models.bandit.posterior import Posterior
from models.behaviour.codes import TIMERS
from models.behaviour.moment import INPUT_PLACE, INPUTS
from schemas.codec import Decoder
from schemas.encoder import Encoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from schemas.validation import violations
from tests.models.ava.cases import FREE, LEAVING, MASTER, REFUSED_PAYMENT, STARTED_MS, evaluations, row_of
from tests.models.ava.strategies import LIKELY, NUMBERS

POLICY = Policy(installed_catalog(), scorer="rules-7", bound=12.5, sample_rate=0.25)
DRAWS = Draws(MASTER)
COUNT = 2_500
SITES = [
    SiteContext(f"site-{k}", k, mode, profile, opted_in=k % 3 == 0, sessions=90 * k, holdout_share=0.1,
                forbidden_actions=frozenset(["active_chat"] if k % 2 else []))
    for k, (mode, profile) in enumerate((m, p) for m in MODES for p in PROFILE_NAMES)
]  # fmt: skip


def random_evaluations(seed: int) -> Evaluations:
    """COUNT evaluations of all kinds: page types, frictions, histories, adjustments."""
    source = np.random.default_rng(seed)
    x = np.tile(row_of({"page_type.category": 0, "page_type.checkout": 1}), (COUNT, 1))
    for name in LIKELY:
        told = source.random(COUNT) < 0.06
        high = 2 if INPUTS[INPUT_PLACE[name]].unit == "0/1" else 12
        x[told, INPUT_PLACE[name]] = source.integers(0, high, COUNT)[told]
    x[:, INPUT_PLACE["age_s"]] = source.gamma(2, 200, COUNT)
    x[:, INPUT_PLACE["cart_value"]] = source.gamma(1, 150, COUNT)
    x[:, INPUT_PLACE["price_mean"]] = source.random(COUNT)
    history = no_history(COUNT)
    history["decisions"] = source.integers(0, 5, COUNT)
    history["nudge"] = source.integers(0, 4, COUNT)
    history["loud"] = history["nudge"] + source.integers(0, 2, COUNT)
    decided = source.random(COUNT) < 0.5
    history["since_any_s"][decided] = (source.random(COUNT) * 600)[decided]
    history["since_nudge_s"][decided] = (source.random(COUNT) * 600)[decided]
    for name, numbers in (("handled", NUMBERS), ("raised", (89, 94, 212))):
        for row in np.flatnonzero(source.random(COUNT) < 0.3):
            history[name][row] = friction_set(source.choice(numbers, 2).tolist())
    return Evaluations(
        features=x,
        consented=np.ones(COUNT, np.uint8),
        history=history,
        adjustments=source.normal(0, 10, (COUNT, 5)).astype(np.float32),
        site=source.integers(0, len(SITES), COUNT).astype(np.int32),
        bucket=source.integers(0, 10_000, COUNT).astype(np.uint16),
        session=[f"session-{k}" for k in range(COUNT)],
        visit_started_at=np.full(COUNT, STARTED_MS) + np.arange(COUNT),
        decided_at=np.full(COUNT, STARTED_MS + 1_000_000) + np.arange(COUNT),
        timer=source.integers(BY_EVENT, 6, COUNT).astype(np.int8),
        post_session=source.random(COUNT) < 0.1,
    )


def random_posteriors(seed: int) -> dict[str, Posterior]:
    """Graded rewards of half of the arms, few and many."""
    source = random.Random(seed)
    known = {}
    for site in SITES:
        for friction in installed_catalog().frictions:
            for action in (*friction.actions, "no_op"):
                if source.random() < 0.5:
                    rewards = [source.random() for _ in range(source.choice([1, 7, 60, 150]))]
                    squares = sum(reward * reward for reward in rewards)
                    arm = f"a:{site.site_id}:{friction.id}:{action}"
                    known[arm] = Posterior(len(rewards), sum(rewards), squares, source.randrange(9_999))
    return known


@pytest.fixture(scope="module")
def recorded() -> list[dict[str, Any]]:
    """Every record of a batch, written and read as the topic holds them."""
    several = random_evaluations(3)
    decided = Decider(POLICY, DRAWS).decide(several, SITES, random_posteriors(4))
    concluded = {one.evaluation: one for one in decided.conclusions}
    records = [
        decision_record(POLICY, several, decided, e, SITES[several.site[e]], concluded.get(e))
        for e in sorted({*concluded, *decided.sampled})
    ]
    kind = record_type("decision")
    encoder = Encoder(kind)
    read = Decoder(kind, SchemaStore()).decode([encoder.encode(record) for record in records])
    assert not read.bad
    assert violations(read.batch, kind) == []
    back: list[dict[str, Any]] = read.batch.to_pylist()
    assert back == records
    return back


def test_a_thousand_decisions_come_out_the_same(recorded: list[dict[str, Any]]) -> None:
    """Bit for bit, with the recorded draw and with the draw made again, of every result and tier."""
    results = Counter(record["result"] for record in recorded)
    assert len(recorded) > 1_000
    assert all(results[result] > 50 for result in ("fire", "no_op", "holdout", "suppress"))
    assert {record["tier"] for record in recorded} == {"MONITOR", "PASSIVE", "NUDGE", "ACTIVE", "ESCALATE"}
    for record in recorded:
        assert differences(record, redecide(record, POLICY)) == []
        assert differences(record, redecide(record, POLICY, DRAWS)) == []


def test_a_changed_input_is_seen(recorded: list[dict[str, Any]]) -> None:
    """A feature, a posterior, a bound, a key or a conclusion that is not what the rest gives shows."""
    record = next(one for one in recorded if one["result"] == "fire" and "F094" in one["frictions"])
    changed = copy.deepcopy(record)
    changed["features"][INPUT_PLACE["count.payment_error"]] = 0.0
    told = differences(changed, redecide(changed, POLICY))
    assert any(one.startswith("rule_signals.friction: ") for one in told)
    other_arm = copy.deepcopy(record)
    other_arm["arms"][0]["reward_sum"] += 0.5
    assert any(one.startswith("arms[0].propensity: ") for one in differences(other_arm, redecide(other_arm, POLICY)))
    another = Draws(bytes(32))
    assert any(one.startswith("draw: ") for one in differences(record, redecide(record, POLICY, another)))
    shadow = Policy(installed_catalog(), bound=0.0)
    assert any(one.startswith("signals.") for one in differences(record, redecide(record, shadow)))
    fired = {**record, "action": "active_chat"}
    assert differences(fired, redecide(fired, POLICY)) == [f"action: 'active_chat', now {record['action']!r}"]
    lost = {**record, "arms": record["arms"][1:]}
    assert any(one.startswith("arms: ") for one in differences(lost, redecide(lost, POLICY)))


def test_what_was_decided_by_another_version_is_refused(recorded: list[dict[str, Any]]) -> None:
    """The message names the version that is needed."""
    for name in ("catalog", "feature_set"):
        with pytest.raises(ReplayRefused, match=rf"found {name} 00ff; .*whose {name} is 00ff"):
            redecide({**recorded[0], name: "00ff"}, POLICY)
    with pytest.raises(ReplayRefused, match="found 3 features; expected 128"):
        redecide({**recorded[0], "features": [1.0, 2.0, 3.0]}, POLICY)


@pytest.mark.parametrize(
    "ill",
    [
        {"profile": "reckless"},
        {"mode": "asleep"},
        {"timer": "idle_61"},
        {"holdout_bucket": 2**40},
        {"history": {"handled": ["F999"]}},
        {"history": {"raised": ["friction"]}},
        {"history": {"loud": 300}},
    ],
)
def test_inputs_that_no_decision_has_are_refused(recorded: list[dict[str, Any]], ill: dict[str, Any]) -> None:
    """A record from elsewhere is a message, never a crash."""
    record = {**recorded[0], **ill, "history": recorded[0]["history"] | ill.get("history", {})}
    with pytest.raises(ReplayRefused, match="found inputs that no decision has"):
        redecide(record, POLICY)


def test_ids_are_unique(recorded: list[dict[str, Any]]) -> None:
    """An evaluation that concluded nothing does not take the id of the next conclusion."""
    ids = [record["decision_id"] for record in recorded]
    assert len(set(ids)) == len(ids)
    for record in recorded:
        of = f"{record['session_id']}:{record['visit_started_at']}:{record['number']}"
        events = int(record["features"][INPUT_PLACE["events"]])
        moment = f"@{record['decided_at']}+{events}" + (f":{record['timer']}" if record["timer"] else "")
        assert record["decision_id"] == (of if record["result"] != "suppress" else of + moment)


def test_evaluations_of_one_moment_have_each_their_id_and_draw() -> None:
    """An event out of order, and timers that share a deadline, at the same decided_at; half of all are sampled."""
    calm = {"page_type.category": 0, "page_type.landing": 1, "age_s": 1, "pages": 1}
    by = Decider(replace(POLICY, sample_rate=0.5), DRAWS)
    ids, sampled = set(), []
    for events in range(1, 11):
        for timer in range(BY_EVENT, len(TIMERS)):
            one = evaluations(row_of(calm, {"events": events}))._replace(timer=np.array([timer], np.int8))
            decided = by.decide(one, [FREE], {})
            record = decision_record(by.policy, one, decided, 0, FREE)
            assert differences(record, redecide(record, by.policy)) == []
            assert record["decided_at"] == STARTED_MS + 600_000
            ids.add(record["decision_id"])
            sampled.append(bool(decided.sampled))
    assert len(ids) == len(sampled)
    assert {True, False} == set(sampled)


def test_a_record_tells_what_was_lowered_and_raised() -> None:
    """A raised payment failure in limited_active: what it was, what it is, and why."""
    site = SiteContext("shop")
    one = evaluations(row_of(REFUSED_PAYMENT))
    decided = Decider(POLICY, DRAWS).decide(one, [site], {})
    record = decision_record(POLICY, one, decided, 0, site, decided.conclusions[0])
    assert record["loud_limit"] == "ESCALATE to NUDGE: limited_active, young_site"
    assert record["gates"] == ["", "", "payment_failed", "", "limited_active", "", ""]
    assert (record["tier"], record["friction_id"], record["frictions"]) == ("NUDGE", "F094", ["F094"])
    assert (record["trigger"], record["timer"], record["history"]["since_any_s"]) == ("event", None, None)


def test_a_record_tells_of_a_friction_passed_over() -> None:
    """An unsure mapping at a site in limited_active: what it was lowered to, or only why where the tier stays."""
    site = SiteContext("shop", sessions=1_000)
    told = []
    for features in ({"count.consent_changed": 2}, LEAVING, {**LEAVING, "technical_error": 1}):
        one = evaluations(row_of(features))
        decided = Decider(POLICY, DRAWS).decide(one, [site], {})
        (conclusion,) = decided.conclusions
        record = decision_record(POLICY, one, decided, 0, site, conclusion)
        assert differences(record, redecide(record, POLICY, DRAWS)) == []
        told.append((record["composite_tier"], record["friction_id"], record["gates"][4], record["loud_limit"]))
    assert told == [
        ("PASSIVE", None, "low_confidence", "PASSIVE: low_confidence"),
        ("ACTIVE", None, "limited_active", "ACTIVE to PASSIVE: limited_active, low_confidence"),
        ("ACTIVE", "F161", "", ""),
    ]


def test_an_intervention_fits_its_schema() -> None:
    """What fires is told with the decision's id, its action, arm and propensity."""
    by = Decider(POLICY, DRAWS)
    for k in range(20):
        one = evaluations(row_of(REFUSED_PAYMENT), session=f"s{k}")
        decided = by.decide(one, [FREE], {})
        conclusion = decided.conclusions[0]
        if conclusion.result == "fire":
            break
    record = intervention_record(one, decided, conclusion, FREE)
    kind = record_type("intervention")
    read = Decoder(kind, SchemaStore()).decode([Encoder(kind).encode(record)])
    assert violations(read.batch, kind) == []
    assert read.batch.to_pylist() == [record]
    assert record["intervention_id"] == f"s{k}:{STARTED_MS}:0"
    assert (record["tier"], record["friction_id"], record["trigger"]) == ("ESCALATE", "F094", "event")
    assert record["arm_id"] == f"a:shop:F094:{record['action']}"
    assert record["propensity"] == conclusion.propensity < 1


def test_a_record_tells_what_explores(recorded: list[dict[str, Any]]) -> None:
    """Only what fires an action less likely to be best than another; never for who explored enough today."""
    fired = [record for record in recorded if record["result"] == "fire"]
    for record in fired:
        told = {arm["action"]: arm["propensity"] for arm in record["arms"] if arm["action"] != "no_op"}
        if told[record["action"]] < max(told.values()):
            assert record["exploratory"]
        if len(told) == 1 or record["features"][INPUT_PLACE["explored_today"]] >= EXPLORATORY_A_DAY:
            assert not record["exploratory"]
        if list(told.values()).count(max(told.values())) == 1:
            assert record["exploratory"] == (told[record["action"]] < max(told.values()))
    assert {record["exploratory"] for record in fired} == {True, False}
    assert not any(record["exploratory"] for record in recorded if record["result"] != "fire")


def test_an_intervention_tells_that_it_explores() -> None:
    """Of two actions with much known of both, the worse one, where it is drawn; the site counts it by that."""
    known = {
        "a:shop:F094:escalate_payment_help": Posterior(60, 40.0, 30.0),
        "a:shop:F094:escalate_human_handoff": Posterior(60, 30.0, 20.0),
    }
    by, told = Decider(POLICY, DRAWS), dict[tuple[int, str], set[bool]]()
    for explored_today in (0, EXPLORATORY_A_DAY):
        for k in range(300):
            one = evaluations(row_of(REFUSED_PAYMENT, {"explored_today": explored_today}), session=f"s{k}")
            decided = by.decide(one, [FREE], known)
            if decided.conclusions[0].result == "fire":
                record = intervention_record(one, decided, decided.conclusions[0], FREE)
                again = decision_record(POLICY, one, decided, 0, FREE, decided.conclusions[0])
                assert again["exploratory"] == record["exploratory"]
                told.setdefault((explored_today, record["action"]), set()).add(record["exploratory"])
    assert told == {
        (0, "escalate_payment_help"): {False},
        (0, "escalate_human_handoff"): {True},
        (EXPLORATORY_A_DAY, "escalate_payment_help"): {False},
    }
