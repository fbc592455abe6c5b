"""From evaluations to conclusions: arms, draws, what is suppressed, what is remembered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.actions import NO_OP, TIER_OF_ACTION
from models.ava import judging, warmup
from models.ava.arms import SiteKnowledge
from models.ava.catalog import installed_catalog
from models.ava.conditions import CONDITIONS
from models.ava.deciding import Decided, Decider, DecidingError, Evaluations, Policy
from models.ava.draws import Draws, MasterKeyError
from models.ava.history import HistoryColumns, members, no_history, remember
from models.ava.sites import SiteContext, site_context
from models.bandit.draw import choose
from models.bandit.posterior import UNSEEN, Posterior
from tests.models.ava.cases import (
    CHECKOUT,
    FREE,
    MASTER,
    REFUSED_PAYMENT,
    evaluations,
    gates,
    past,
    reason,
    row_of,
)
from tests.models.ava.strategies import buckets, histories, rows, sites

Row = npt.NDArray[Any]
REFINED = row_of({"search_refinements": 2, "page_type.category": 0, "page_type.search_results": 1})


def decider(sample_rate: float = 0.0, bound: float = 0.0) -> Decider:
    return Decider(Policy(installed_catalog(), sample_rate=sample_rate, bound=bound), Draws(MASTER))


def decide(one: Evaluations, site: SiteContext = FREE, by: Decider | None = None) -> Decided:
    return (by or decider()).decide(one, [site], {})


def together(several: Sequence[Evaluations]) -> Evaluations:
    """Evaluations of several visits at once."""
    columns = [
        [session for one in several for session in one.session]
        if name == "session"
        else np.concatenate([getattr(one, name) for one in several])
        for name in Evaluations._fields
    ]
    return Evaluations._make(columns)


def test_a_conclusion_by_hand() -> None:
    """A NUDGE for F028: its two nudges and no_op, by arm id, all unknown: .05 + .93/3 and .01 + .93/3 each."""
    (conclusion,) = decide(evaluations(REFINED)).conclusions
    assert (conclusion.friction, conclusion.tier) == (28, 2)
    assert [arm.arm_id for arm in conclusion.choice.arms] == [
        "a:shop:F028:no_op",
        "a:shop:F028:nudge_search_help",
        "a:shop:F028:nudge_suggestion",
    ]
    assert conclusion.choice.propensities == pytest.approx((0.36, 0.32, 0.32), abs=1e-9)
    assert conclusion.draw == Draws(MASTER).arm("shop", "s", 1_700_000_000_000, 0)
    assert conclusion.propensity == conclusion.choice.propensities[conclusion.chosen]
    assert conclusion.result == ("no_op" if conclusion.action == NO_OP else "fire")


def test_forbidden_actions_are_out_and_without_one_nothing_is_concluded() -> None:
    """The reason is no_action, and no_op alone is no choice."""
    one = replace(FREE, forbidden_actions=frozenset({"nudge_suggestion"}))
    (conclusion,) = decide(evaluations(REFINED), one).conclusions
    assert [arm.action for arm in conclusion.choice.arms] == ["no_op", "nudge_search_help"]
    none = replace(FREE, forbidden_actions=frozenset({"nudge_suggestion", "nudge_search_help"}))
    decided = decide(evaluations(REFINED), none)
    assert decided.conclusions == []
    assert reason(decided.verdicts) == "no_action"


def test_without_a_friction_the_passive_set_is_chosen_from() -> None:
    """Under the pseudo-friction none."""
    (conclusion,) = decide(evaluations(row_of(CHECKOUT))).conclusions
    assert {arm.arm_id for arm in conclusion.choice.arms} == {
        f"a:shop:none:{action}" for action in (*installed_catalog().none, NO_OP)
    }


def test_the_holdout_concludes_what_it_would_have_had() -> None:
    """The same arms, propensities and draw; the result is holdout."""
    (shown,) = decide(evaluations(REFINED)).conclusions
    (held,) = decide(evaluations(REFINED, bucket=3)).conclusions
    assert held.result == "holdout"
    assert (held.arm_id, held.draw, held.choice.propensities) == (shown.arm_id, shown.draw, shown.choice.propensities)


def test_propensities_follow_posteriors_once_told_to_forget() -> None:
    """They are kept until a posterior of the site changed."""
    by, known = decider(), dict[str, Posterior]()
    before = by.decide(evaluations(REFINED), [FREE], known).conclusions[0].choice
    known["a:shop:F028:nudge_suggestion"] = Posterior(50, 45.0, 41.0, offset=7)
    kept = by.decide(evaluations(REFINED), [FREE], known).conclusions[0].choice
    assert kept is before
    by.forget("shop")
    after = by.decide(evaluations(REFINED), [FREE], known).conclusions[0].choice
    assert after.propensities[2] > 0.5 > before.propensities[2]
    assert after.arms[2].posterior.offset == 7


def test_a_prior_leaves_out_the_arm_itself() -> None:
    """Rewards of F028's suggestion tell on F029's suggestion (same category) and F001's (same tier), not on itself."""
    known = {"a:shop:F028:nudge_suggestion": Posterior(10, 8.0, 7.0)}
    site = SiteKnowledge("shop", installed_catalog(), known)
    own, near, far = (site.arm(number, "nudge_suggestion") for number in (28, 29, 1))
    assert (own.posterior, own.prior.n) == (known["a:shop:F028:nudge_suggestion"], 0)
    tier = (8 + 5) / 20
    assert near.prior == pytest.approx(((8 + 10 * tier) / 20, 10))
    assert far.prior == pytest.approx((tier, 10))
    assert far.posterior == UNSEEN
    assert site.arm(28, NO_OP).prior.n == 0


def test_draws_choose_as_often_as_propensities_say() -> None:
    """50,000 HMAC draws over three arms: chi-square with 2 degrees of freedom, 99.9 % below 13.82."""
    known = {
        "a:shop:F094:escalate_payment_help": Posterior(30, 12.0, 9.0),
        "a:shop:F094:escalate_human_handoff": Posterior(120, 50.0, 32.0),
    }
    (conclusion,) = decider().decide(evaluations(row_of(REFUSED_PAYMENT)), [FREE], known).conclusions
    choice, draws, count = conclusion.choice, Draws(MASTER), 50_000
    assert len(choice.arms) == 3
    chosen = Counter(choose(choice.upto, draws.arm("shop", f"s{one}", 1, 0)) for one in range(count))
    expected = [count * p for p in choice.propensities]
    assert sum((chosen[k] - mean) ** 2 / mean for k, mean in enumerate(expected)) < 13.82


@given(rows(), histories(), sites, buckets, st.booleans())
def test_what_is_shown_and_what_never_is(
    features: Row, history: Row, site: SiteContext, bucket: int, consented: bool
) -> None:
    """Nothing is shown without consent, under the kill switch or in the holdout; modes, tiers and arms always hold."""
    decided = decide(evaluations(features, history, consented=consented, bucket=bucket), site)
    held = gates(decided.verdicts)
    shown = [one for one in decided.conclusions if one.result == "fire"]
    if not consented or site.kill_switch:
        assert decided.conclusions == []
    if bucket < round(site.holdout_share * 10_000):
        assert not shown
        assert all(one.result == "holdout" for one in decided.conclusions)
    assert bool(decided.conclusions) == (reason(decided.verdicts) == "")
    if not decided.conclusions:
        stops = (*held[5:], "monitor", "no_action", held[0])
        assert reason(decided.verdicts) in stops
    for one in decided.conclusions:
        assert held[5:] == ["", ""]
        assert one.tier >= 1
        assert one.friction not in members(history["handled"][0])
        assert all(TIER_OF_ACTION.get(arm.action, one.tier) == one.tier for arm in one.choice.arms)
        assert not site.forbidden_actions & {arm.action for arm in one.choice.arms}
        assert sum(one.choice.propensities) == 1.0
        assert min(one.choice.propensities) >= 0.01
        assert one.choice.propensities[[arm.action for arm in one.choice.arms].index(NO_OP)] >= 0.05
        if site.mode == "limited_active" or (site.sessions < 100 and not site.opted_in):
            assert one.tier <= 2


@given(
    st.lists(st.tuples(rows(), histories(), buckets), min_size=1, max_size=6), st.lists(sites, min_size=6, max_size=6)
)
def test_evaluations_are_judged_each_by_itself(visits: list[Any], contexts: list[SiteContext]) -> None:
    """Together or one after the other: the same verdicts, in whatever company."""
    each = [
        evaluations(features, history, bucket=bucket, session=f"s{k}")
        for k, (features, history, bucket) in enumerate(visits)
    ]
    alone = [decide(one, site) for one, site in zip(each, contexts, strict=False)]
    joined = together(each)._replace(site=np.arange(len(each), dtype=np.int32))
    # Two contexts of one site id share what is kept, which is the same: nothing is known of any arm.
    all_at_once = decider().decide(joined, contexts, {})
    for k, of in enumerate(alone):
        for name, one in of.verdicts._asdict().items():
            assert one[0].tolist() == getattr(all_at_once.verdicts, name)[k].tolist()
    assert [one.arm_id for of in alone for one in of.conclusions] == [one.arm_id for one in all_at_once.conclusions]


def test_samples_are_of_what_concluded_nothing_and_consented() -> None:
    """At a rate of 1 every suppressed evaluation is sampled but one without consent."""
    calm = row_of({"page_type.category": 0, "page_type.landing": 1, "age_s": 1, "pages": 1})
    each = [
        evaluations(calm, session="bored"),
        evaluations(calm, consented=0, session="private"),
        evaluations(REFINED, session="helped"),
    ]
    decided = decider(sample_rate=1.0).decide(together(each), [FREE], {})
    assert decided.sampled == [0]
    assert CONDITIONS[decided.verdicts.suppressed[0]] == "monitor"
    assert [one.evaluation for one in decided.conclusions] == [2]
    assert decider(sample_rate=0.0).decide(together(each), [FREE], {}).sampled == []


def test_what_does_not_fit_is_refused() -> None:
    """A session twice, a wrong shape, a site that is not there, a bound out of range."""
    one = evaluations(REFINED)
    with pytest.raises(DecidingError, match="session twice"):
        decider().decide(together([one, one]), [FREE], {})
    with pytest.raises(DecidingError, match="found bucket of shape"):
        decide(one._replace(bucket=np.zeros(2, np.uint16)))
    with pytest.raises(DecidingError, match="outside of the 0 sites"):
        decider().decide(one, [], {})
    with pytest.raises(DecidingError, match="bound of 101"):
        decider(bound=101)
    with pytest.raises(DecidingError, match="sample rate of 2"):
        decider(sample_rate=2)


def test_a_site_that_draws_with_another_key_is_refused() -> None:
    """Its draws would not be those of the other workers."""
    assert decide(evaluations(REFINED), replace(FREE, key_id=Draws(MASTER).key_id)).conclusions
    with pytest.raises(MasterKeyError, match="site shop draws with key 00000000"):
        decide(evaluations(REFINED), replace(FREE, key_id="00000000"))


def test_a_kernel_is_compiled_ahead() -> None:
    """Deciding after the warm-up compiles nothing further, whatever the layout in memory."""
    warmup.compile()
    before = len(judging._judge_all.signatures)  # type: ignore[attr-defined]
    one = evaluations(REFINED)
    decide(one._replace(adjustments=np.broadcast_to(np.float32(0), (1, 5)), features=one.features[:, ::-1][:, ::-1]))
    assert len(judging._judge_all.signatures) == before == 1  # type: ignore[attr-defined]


def test_no_evaluations_conclude_nothing() -> None:
    """An empty batch is no error."""
    empty = together([evaluations(REFINED)])
    none = Evaluations._make(column[:0] for column in empty)
    assert decider(sample_rate=1.0).decide(none, [FREE], {}).conclusions == []


def test_conclusions_are_remembered_in_the_rows_they_belong_to() -> None:
    """Counts by tier, the friction as handled, and as raised where gate 2 raised; counts saturate."""
    each = [
        evaluations(REFINED, session="a"),
        evaluations(row_of(REFUSED_PAYMENT), session="b"),
        evaluations(row_of(CHECKOUT), past(), session="c"),
    ]
    decided = decider().decide(together(each), [FREE], {})
    assert len(decided.conclusions) == 3
    kept = no_history(6)
    kept["loud"][4] = 255
    columns = HistoryColumns(*(kept[name] for name in HistoryColumns._fields))
    remember(columns, np.array([5, 4, 0]), decided.conclusions)
    assert kept["decisions"].tolist() == [1, 0, 0, 0, 1, 1]
    assert kept["loud"].tolist() == [0, 0, 0, 0, 255, 1]
    assert kept["nudge"].tolist() == [0, 0, 0, 0, 0, 1]
    assert kept["active"].tolist() == [0] * 6
    assert [members(row) for row in kept["handled"]] == [[0], [], [], [], [94], [28]]
    assert [members(row) for row in kept["raised"]] == [[], [], [], [], [94], []]


def test_a_site_without_records_has_the_given_defaults() -> None:
    """limited_active, default profile, 5 % held out, medians of 60 s and .5; records replace them."""
    bare = site_context("s")
    assert (bare.mode, bare.profile, bare.holdout_share, bare.sessions) == ("limited_active", "default", 0.05, 0)
    assert (bare.dwell_median_s, bare.scroll_median, bare.config_version) == (60.0, 0.5, 0)
    config = {
        "site_id": "s",
        "version": 3,
        "vertical": "b2b",
        "mode": "active",
        "profile": "aggressive",
        "kill_switch": True,
        "opted_in": True,
        "holdout_share": 0.1,
        "forbidden_actions": ["active_chat"],
        "key_id": "k",
    }
    stage = {"site_id": "s", "version": 4, "sessions": 120, "dwell_median_s": 90.0, "scroll_median": None}
    told = site_context("s", config, stage)
    assert told == SiteContext(
        "s", 3, "active", "aggressive", True, True, 0.1, frozenset({"active_chat"}), "k", 4, 120, 90.0, 0.5
    )
