"""What a run lost, told twice or got wrong, as figures: every promise of the ledger and of the fold in one answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from tests.reference.comparing import differences
from tests.reference.config import Config
from tests.reference.live import ExpectedLive
from tests.system import ledger as ledgers
from tests.system.committed import read_committed
from tests.system.ledger import Ledger, read_ledger
from tests.system.outcome import SUMS, Outcome, found
from tests.system.reading import records
from tests.system.recomputed import assert_recomputed
from tests.system.refolded import Refolded, refold
from tests.system.stream import MASTER_KEY
from topics.settings import Settings

SHOWN = 3
"""Of what is wrong in one way, so many are named."""


class Ids(NamedTuple):
    """What must be on a topic, and what is."""

    wanted: Iterable[Hashable]
    there: Iterable[Hashable]


@dataclass
class Verdict:
    """Records `lost` and `duplicated` by topic or state, and in words what else is `wrong`. `records` is the input."""

    records: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    duplicated: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Nothing missing, nothing twice, nothing else amiss."""
        return not (+self.lost or +self.duplicated or self.wrong)

    def compare(self, topic: str, ids: Ids) -> None:
        """Count what is missing and what is there more than once, or though it should not be."""
        there, wanted = Counter(list(ids.there)), set(ids.wanted)
        self.lost[topic] += len(wanted - there.keys())
        self.duplicated[topic] += sum(times - 1 for times in there.values())
        if strange := there.keys() - wanted:
            self.wrong.append(f"{topic}: {len(strange)} that nothing led to, as {list(strange)[:SHOWN]}")

    def hold(self, promise: partial[None]) -> None:
        """Note where a promise does not hold."""
        try:
            promise()
        except (AssertionError, KeyError, StopIteration) as broken:
            self.wrong.append(f"{promise.func.__name__}: {type(broken).__name__}: {str(broken)[:500]}")


def verify(settings: Settings, *, whole: bool, tell: Callable[[str], None] = print) -> Verdict:
    """Read all that is committed, recompute from the input what must be there, and compare.

    Decisions, rewards, posteriors, activity and tuples are held against one another; `whole` also recomputes each of
    them from the input, which takes some time for each event.
    """
    began = time.monotonic()

    def done(what: str) -> None:
        tell(f"{time.monotonic() - began:5.1f} s: {what}")

    wanted = refold(settings, Config(clock="event"), decided=whole, much=True)
    done(f"{wanted.records:,} records folded by the reference")
    verdict = Verdict(wanted.records)
    of_fold(verdict, found(settings), wanted.outcome)
    ledger = read_ledger(settings)
    done(f"{len(ledger.decisions):,} decisions and {len(ledger.rewards) + len(ledger.exposures):,} rewards read")
    of_outputs(verdict, ledger, wanted, replay=not whole)
    done("outputs held against one another")
    if whole:
        of_decisions(verdict, ledger, settings, wanted.live)
        done("decisions and rewards are those recomputed")
        verdict.hold(partial(assert_recomputed, read_committed(settings, ledger), wanted.visits, MASTER_KEY.encode()))
        done("posteriors, tuples and sites recomputed")
    return verdict


def of_decisions(verdict: Verdict, ledger: Ledger, settings: Settings, wanted: ExpectedLive) -> None:
    """Every decision, intervention and reward, by id and field by field."""
    decisions, updates = ledger.decisions + ledger.suppressed, ledger.rewards + ledger.exposures
    asked: dict[str, tuple[set[str], set[str]]] = {
        "decision": ({*wanted.decisions, *wanted.suppressed}, {one["decision_id"] for one in decisions}),
        "intervention": ({*wanted.interventions}, {one["intervention_id"] for one in ledger.interventions}),
        "reward-update": ({*wanted.rewards, *wanted.exposures}, {one["reward_id"] for one in updates}),
    }
    for topic, (right, there) in asked.items():
        verdict.lost[topic] += len(right - there)
    deltas = records(settings, "reward-delta")
    apart = differences(wanted, decisions=decisions, interventions=ledger.interventions, updates=updates, deltas=deltas)
    if apart:
        verdict.wrong.append(f"{len(apart)} decisions, interventions and rewards differ, as {apart[:SHOWN]}")


def of_fold(verdict: Verdict, there: Outcome, wanted: Outcome) -> None:
    """Sums of sites, and live visits with every feature."""
    for site in there.sums.keys() | wanted.sums.keys():
        for name in SUMS:
            told, right = there.sums.get(site, Counter())[name], wanted.sums.get(site, Counter())[name]
            verdict.lost["session-event"] += max(0, right - told)
            verdict.duplicated["session-event"] += max(0, told - right)
    verdict.compare("session-state", Ids(wanted.live, there.live))
    apart = [name for name in wanted.live.keys() & there.live.keys() if wanted.live[name] != there.live[name]]
    if apart:
        verdict.wrong.append(f"session-state: {len(apart)} visits differ, as {apart[:SHOWN]}")


def of_outputs(verdict: Verdict, ledger: Ledger, wanted: Refolded, *, replay: bool) -> None:
    """No id twice, none missing that another topic asks for, and all that the ledger says besides.

    Decisions that are recomputed need no `replay`.
    """
    decided = [one["decision_id"] for one in ledger.decisions]
    verdict.compare("decision", Ids(decided, decided))
    sampled = [one["decision_id"] for one in ledger.suppressed]
    verdict.compare("decision", Ids(sampled, sampled))
    fired = [one["decision_id"] for one in ledger.decisions if one["result"] == "fire"]
    verdict.compare("intervention", Ids(fired, [one["intervention_id"] for one in ledger.interventions]))
    rewarded = [one["reward_id"] for one in ledger.rewards + ledger.exposures]
    verdict.compare("reward-update", Ids(rewarded, rewarded))
    revisions = [(one["tuple_id"], one["revision"]) for one in ledger.tuples]
    verdict.compare("training-tuple", Ids(revisions, revisions))
    verdict.lost["decision"] += _gaps(decided, ledger)
    promises: tuple[partial[None], ...] = (
        partial(ledgers.decisions_are_rewarded, ledger, wanted),
        partial(ledgers.rewards_are_of_their_decisions, ledger),
        partial(ledgers.fired_is_shown, ledger),
        partial(ledgers.posteriors_are_sums, ledger),
        partial(ledgers.activity_is_rewards, ledger),
        partial(ledgers.tuples_are_activity, ledger, min(wanted.watermarks.values())),
        partial(ledgers.sites_count_it, ledger),
        *([partial(ledgers.decisions_replay, ledger)] if replay else []),
    )
    for promise in promises:
        verdict.hold(promise)


def _gaps(decided: list[str], ledger: Ledger) -> int:
    """Decisions that must have been, since a later one of the visit has its number."""
    highest: dict[tuple[str, int], int] = {}
    for one in ledger.decisions:
        visit = one["session_id"], one["visit_started_at"]
        highest[visit] = max(highest.get(visit, 0), one["number"])
    return sum(number + 1 for number in highest.values()) - len(set(decided))
