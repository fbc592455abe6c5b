"""One turn of live sessions: a batch folded, evaluated and decided on, time passed, and what follows as records.

A visit is evaluated once for all its events of a batch, at the last of them, and once for each timer that fires, at
its deadline, in the order of these moments: a timer's decision comes before the next event counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models.ava.conditions import CONDITIONS
from models.ava.deciding import BY_EVENT, Decided, Decider, Evaluations
from models.ava.draws import Draws
from models.ava.records import decision_id, decision_record, intervention_record
from models.ava.sites import SiteContext
from models.bandit.posterior import Posterior
from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch, Folded, free_rows, pass_time
from models.behaviour.moment_matrix import moment_matrix
from models.live.exposed import NOT_EMBEDDED, Embedded, activity, exposed
from models.live.remembering import end_windows, history, open_windows, remember_conclusions
from models.live.rewarding import (
    arm_deltas,
    container_reward_records,
    decision_reward_records,
    decision_rewards,
)
from models.live.site_book import SiteBook
from models.live.site_sums import SiteSums
from models.serving.scorer import Scores
from models.signals import SIGNALS
from schemas.vocabulary import TIERS

Index = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
Count = tuple[str, tuple[tuple[str, str], ...]]

ADJUSTMENT_POINTS = np.float32(10.0)
"""What a scorer's adjustment of 1 stands for, in points of a signal (ours); how much of it counts, its bound says."""
FIELD_OF_RESULT = {"fire": "fired", "no_op": "no_ops", "holdout": "holdouts"}
"""The field of site-delta that counts each result."""


class Source(NamedTuple):
    """Where a turn's records come from: topic, partition, and its watermark after them, ms since the epoch."""

    topic: str
    partition: int
    watermark: int


class Scoring(Protocol):
    """Whatever scores visits, by the version of its release."""

    @property
    def version(self) -> str:
        """Of the release."""

    def score(self, features: npt.NDArray[np.float32]) -> Scores:
        """The scores of `float32[n, 128]`, in the order of INPUTS."""


@dataclass(frozen=True)
class Minds:
    """What a turn consults: constants of the fold, draws, sites, decider, arms by id, a scorer where there is one."""

    config: FoldConfig
    draws: Draws
    sites: SiteBook
    decider: Decider
    posteriors: Mapping[str, Posterior]
    scorer: Scoring | None = None


@dataclass
class Turn:
    """One turn over the `rows` of a partition; `keys_of` names the sessions of rows that are in use.

    What is to be sent gathers in `records`, by topic; what is to be counted in `counts`, by name and labels; rows that
    hold no visit any more in `freed`.
    """

    minds: Minds
    rows: Rows
    keys_of: Callable[[Index], list[str]]
    source: Source
    records: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    counts: defaultdict[Count, float] = field(default_factory=lambda: defaultdict(float))
    _touched: list[Index] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.minds.sites.trim()
        self._sums = SiteSums(self.minds.sites)

    def take(self, batch: Batch) -> None:
        """Fold a batch, decide where a timer fires on the way, then evaluate every visit it changed."""
        while batch.waiting.size:
            self._conclude(batch.fold(self.rows, self.minds.config))
        changed = _may_be_scored(self.rows, batch.changed(self.rows))
        now_ms = self.rows["start_ms"][changed] + self.rows["last"][changed]
        self._evaluate(changed, now_ms, np.full(changed.size, BY_EVENT, np.int8), np.zeros(changed.size, np.bool_))
        self._touched.append(batch.index)

    def pass_time(self, due: Index) -> None:
        """Let time pass for the visits that wait for it, deciding where a timer fires."""
        waiting = due
        while waiting.size:
            passed = pass_time(self.rows, waiting, self.source.watermark, self.minds.config)
            self._conclude(passed)
            waiting = passed.waiting
        self._touched.append(due)

    @property
    def folded(self) -> list[Folded]:
        """What the steps of the fold brought so far."""
        return self._sums.folded

    def freed(self) -> Index:
        """`int64[k]`: the rows that hold no visit after the turn, rising."""
        return free_rows(self.rows, np.concatenate(self._touched)) if self._touched else np.empty(0, np.int64)

    def finish(self) -> None:
        """Sum what is sent in sums."""
        source = self.source
        self.records["reward-delta"] += arm_deltas(self.records["reward-update"], source.topic, source.partition)
        self.records["site-delta"] += self._sums.records(*source)

    def _conclude(self, folded: Folded) -> None:
        """What a step of the fold brought: rewards, closings, then the evaluation of timers fired."""
        self._sums.folded.append(folded)
        self._reward(folded.outcomes)
        self._close(folded)
        fired = folded.fired
        waits = fired.waits
        self.rows["pending"][fired.row[waits]] = 0
        self._evaluate(
            fired.row[waits], fired.deadline_ms[waits], fired.timer[waits].astype(np.int8), fired.post_session[waits]
        )

    def _evaluate(self, index: Index, now_ms: Index, timer: npt.NDArray[np.int8], post: npt.NDArray[np.bool_]) -> None:
        """Evaluate the visits in `rows[index]`, each at its moment, and do what is concluded."""
        if not index.size:
            return
        rows, minds = self.rows, self.minds
        features = moment_matrix(rows, index, now_ms)
        adjustments = np.zeros((index.size, len(SIGNALS)), np.float32)
        if minds.scorer is not None:
            adjustments = minds.scorer.score(features).adjustments * ADJUSTMENT_POINTS
            self._count("scored", index.size)
        places = minds.sites.places(rows["site_id"][index])
        distinct, site = np.unique(places, return_inverse=True)
        sites = [minds.sites.contexts[place] for place in distinct.tolist()]
        evaluations = Evaluations(
            features=features,
            consented=rows["personalization"][index],
            history=history(rows, index, now_ms),
            adjustments=adjustments,
            site=site.astype(np.int32),
            bucket=rows["bucket"][index] - np.uint16(1),
            session=self.keys_of(index),
            visit_started_at=rows["start_ms"][index],
            decided_at=now_ms,
            timer=timer,
            post_session=post,
        )
        decided = minds.decider.decide(evaluations, sites, minds.posteriors)
        concluded = np.array([conclusion.evaluation for conclusion in decided.conclusions], np.int64)
        self._reward(end_windows(rows, index[concluded], now_ms[concluded]))
        remember_conclusions(rows, index, now_ms, decided.conclusions)
        ids = [decision_id(evaluations, conclusion.evaluation) for conclusion in decided.conclusions]
        open_windows(rows, index, now_ms, decided.conclusions, ids, minds.config)
        self._tell(evaluations, decided, sites)
        self._count_decided(decided, places)

    def _tell(self, evaluations: Evaluations, decided: Decided, sites: Sequence[SiteContext]) -> None:
        """Records of what was decided."""
        policy = self.minds.decider.policy
        site = evaluations.site.tolist()
        for conclusion in decided.conclusions:
            e = conclusion.evaluation
            context = sites[site[e]]
            self.records["decision"].append(decision_record(policy, evaluations, decided, e, context, conclusion))
            if conclusion.result == "fire":
                self.records["intervention"].append(intervention_record(evaluations, decided, conclusion, context))
        for e in decided.sampled:
            self.records["decision"].append(decision_record(policy, evaluations, decided, e, sites[site[e]]))

    def _reward(self, outcomes: npt.NDArray[np.void]) -> None:
        """Rewards of decisions whose window ended."""
        if not outcomes.size:
            return
        places, sites = self._sites(outcomes["site_id"])
        worth = decision_rewards(outcomes, *_medians(sites))
        sessions = self.keys_of(outcomes["row"])
        self.records["reward-update"] += decision_reward_records(outcomes, worth, sessions, sites)
        self._sums.count("rewards", places)
        self._sums.count("rewards_defaulted", places[outcomes["events"] == 0])
        self._sums.count("rewards_cut", places[outcomes["cut"]])
        defaulted, cut = outcomes["events"] == 0, outcomes["cut"]
        self._count("rewards", int(defaulted.sum()), outcome="defaulted")
        self._count("rewards", int((cut & ~defaulted).sum()), outcome="cut")
        self._count("rewards", int((~cut & ~defaulted).sum()), outcome="joined")

    def _close(self, folded: Folded) -> None:
        """What closed visits add to the containers they saw."""
        closed = folded.closed
        if not closed.size:
            return
        places, sites = self._sites(closed["site_id"])
        self._sums.count("late_conversions", places, closed["late_conversions"])
        self._count("rewards", int(closed["late_conversions"].sum()), outcome="late")
        self._sums.count("exposures", places, closed["seen_credited"].sum(axis=1))
        self._sums.count("exposures_beyond", places, closed["containers_beyond"])
        shown = np.flatnonzero(closed["seen_credited"].any(axis=1))
        if not shown.size:
            return
        visits, of_visits = closed[shown], [sites[k] for k in shown]
        held_out = np.array([site.held_out for site in of_visits]) > visits["bucket"] - 1.0
        seen = exposed(visits, *_medians(of_visits), held_out)
        features = moment_matrix(visits, np.arange(visits.size), visits["start_ms"] + visits["last"])
        sessions = self.keys_of(folded.closed_session[shown])
        source = self.source
        self.records["reward-update"] += container_reward_records(seen, visits["start_ms"], sessions, of_visits)
        self.records["container-activity"] += activity(
            seen, features, self._embedded(visits, features), source.topic, source.partition
        )

    def _embedded(self, visits: Rows, features: npt.NDArray[np.float32]) -> Embedded:
        """The closed visits that may be scored, scored; none where there is no scorer."""
        scorer, scored = self.minds.scorer, _may_be_scored(visits, np.arange(visits.size))
        if scorer is None or not scored.size:
            return NOT_EMBEDDED
        return Embedded(scored, scorer.score(features[scored]).embedding, scorer.version)

    def _sites(self, sites: npt.NDArray[np.bytes_]) -> tuple[npt.NDArray[np.int32], list[SiteContext]]:
        """Place and context of each site, S40[n]."""
        book = self.minds.sites
        places = [book.place(site) for site in sites.tolist()]
        return np.array(places, np.int32), [book.contexts[place] for place in places]

    def _count_decided(self, decided: Decided, places: npt.NDArray[np.int32]) -> None:
        suppressed = decided.verdicts.suppressed
        self._sums.count("evaluations", places)
        self._sums.count("suppressed", places[suppressed != 0])
        self._count("evaluations", len(suppressed))
        for code, number in enumerate(np.bincount(suppressed, minlength=1).tolist()):
            if code:
                self._count("suppressed", number, reason=CONDITIONS[code])
        for gate, conditions in enumerate(decided.verdicts.gates.T):
            for code, number in enumerate(np.bincount(conditions, minlength=1).tolist()):
                if code:
                    self._count("gate", number, gate=str(gate), condition=CONDITIONS[code])
        for result, name in FIELD_OF_RESULT.items():
            concluded = [one.evaluation for one in decided.conclusions if one.result == result]
            self._sums.count(name, places[np.array(concluded, np.int64)])
        for (tier, result), number in Counter((one.tier, one.result) for one in decided.conclusions).items():
            self._count("decisions", number, tier=TIERS[tier], result=result)
        for action, number in Counter(one.action for one in decided.conclusions if one.result == "fire").items():
            self._count("actions", number, action=action)

    def _count(self, name: str, amount: float, **labels: str) -> None:
        if amount:
            self.counts[name, tuple(labels.items())] += amount


def _may_be_scored(rows: Rows, index: Index) -> Index:
    """Those of `rows[index]` that consent to personalization (DOMAIN.md, 2) and are no bot's."""
    scorable: Index = index[(rows["personalization"][index] == 1) & (rows["bot"][index] == 0)]
    return scorable


def _medians(sites: Sequence[SiteContext]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Median dwell, in s, and scroll depth of each visit's site."""
    return np.array([site.dwell_median_s for site in sites]), np.array([site.scroll_median for site in sites])
