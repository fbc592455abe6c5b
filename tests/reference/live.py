"""What the live agent must emit for a partition's session events (docs/live.md), by plain Python.

It holds under these conditions, which whoever compares must see to: the clock of the records (`LAM_CLOCK=event`);
frozen posteriors (`LAM_POSTERIORS=frozen`); sites configured before the first event, and opted in, for nothing is known
here of how many visits a site has closed; no event tells dwell or scroll depth where the stream tells medians back
(`site-stage`); and no batch holds two events of one session, since a visit is evaluated once for all of a batch.

Conventions taken from the product, where docs/live.md leaves them open: names and ids of records and arms; what an HMAC
is made of (`draws.py`); float64 sums from left to right over float32 features; seconds of the history in float32;
propensities in units of 2^-32 (`arms.py`); the scorer's adjustments x 10 points; dwell added up in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.reference.config import Config
from tests.reference.decide import SAMPLE_RATE, Decider, intervention
from tests.reference.fold import PartitionFold
from tests.reference.outcome import Window
from tests.reference.scorer import Scorer
from tests.reference.signals import SIGNALS
from tests.reference.symbols import Event
from tests.reference.timers import FiredTimer
from tests.reference.visit import Visit

Record = dict[str, Any]
Message = tuple[Event, int] | int
"""An event with its record's Kafka timestamp, in ms, or a watermark, in ms."""


@dataclass
class ExpectedLive:
    """What must be told, by id; records lack what only site-stage tells, and the decisions' `feature_set`."""

    decisions: dict[str, Record] = field(default_factory=dict)
    """Those concluded."""
    suppressed: dict[str, Record] = field(default_factory=dict)
    """The sample of the others."""
    rewards: dict[str, Record] = field(default_factory=dict)
    """Of decisions."""
    exposures: dict[str, Record] = field(default_factory=dict)
    """Rewards of containers."""
    evaluations: int = 0

    @property
    def interventions(self) -> dict[str, Record]:
        """One for each decision that fired."""
        return {name: intervention(one) for name, one in self.decisions.items() if one["result"] == "fire"}

    @property
    def arms(self) -> dict[str, tuple[int, float, float]]:
        """Count, sum and sum of squares of the rewards of each arm, but for those of the holdout."""
        sums: dict[str, tuple[int, float, float]] = {}
        for one in (*self.rewards.values(), *self.exposures.values()):
            if one["result"] != "holdout":
                n, total, squares = sums.get(one["arm_id"], (0, 0.0, 0.0))
                sums[one["arm_id"]] = n + 1, total + one["reward"], squares + one["reward"] ** 2
        return sums

    def update(self, other: ExpectedLive) -> None:
        """Add what another partition tells."""
        self.decisions |= other.decisions
        self.suppressed |= other.suppressed
        self.rewards |= other.rewards
        self.exposures |= other.exposures
        self.evaluations += other.evaluations


class LivePartition(PartitionFold):
    """The visits of one partition, and what was decided on them."""

    def __init__(self, config: Config, decider: Decider) -> None:
        """Begin an empty partition."""
        super().__init__(config)
        self.told = ExpectedLive()
        self._decider = decider

    def changed(self, visit: Visit) -> None:
        """The visit is evaluated at its last event."""
        self._evaluate(visit, visit.last)

    def fired(self, visit: Visit, timer: FiredTimer) -> None:
        """The visit is evaluated at the deadline."""
        self._evaluate(visit, timer.deadline, timer)

    def passed(self, visit: Visit, watermark: int) -> None:
        """A reward is told once nothing can join it; where the visit closes before, its closing tells it."""
        if visit.window is not None:
            told_at = self._told_at(visit.window)
            if watermark >= told_at and told_at <= self._end(visit):
                self._tell(visit, visit.window.ends, cut=False)

    def closing(self, visit: Visit, converted: bool) -> None:
        """The open reward, and those of the containers seen."""
        super().closing(visit, converted)
        if visit.window is not None:
            to = visit.window.ends_at_close(visit.last, self._told_at(visit.window), self._end(visit))
            self._tell(visit, to, cut=False)
        self.told.exposures |= {one["reward_id"]: one for one in visit.seen.closed(visit)}

    def finish(self) -> ExpectedLive:
        """All that was told, at the end of what is there to read."""
        for visit in self.live.values():
            if self.watermark is not None:
                self.passed(visit, self.watermark)
        return self.told

    def _evaluate(self, visit: Visit, now: int, timer: FiredTimer | None = None) -> None:
        """Visits without consent to personalization are not evaluated, nor are bots'."""
        if not visit.personalization or visit.windows.bot:
            return
        self.told.evaluations += 1
        record = self._decider.evaluate(visit, now, timer)
        if record is None:
            return
        if record["result"] == "suppress":
            self.told.suppressed[record["decision_id"]] = record
            return
        self.told.decisions[record["decision_id"]] = record
        if visit.window is not None:
            ends = visit.window.ends
            self._tell(visit, min(now, ends), cut=now < ends)
        visit.window = Window(record)

    def _told_at(self, window: Window) -> int:
        return window.ends + max(self.config.lateness_ms, self.config.slack_ms)

    def _tell(self, visit: Visit, to: int, *, cut: bool) -> None:
        assert visit.window is not None
        record = visit.window.record(to, cut=cut)
        self.told.rewards[record["reward_id"]] = record
        visit.window = None


def expected_live(
    config: Config,
    master: bytes,
    site_configs: Iterable[Mapping[str, Any]],
    partitions: Iterable[Iterable[Message]],
    *,
    scored: bool = True,
    bound: float | None = None,
    sample_rate: float = SAMPLE_RATE,
) -> ExpectedLive:
    """What must be told for the messages of each partition, in offset order.

    config: of the fold, its clock `event`. master: the bytes of LAM_MASTER_KEY. site_configs: as published, one a site.
    scored: whether workers serve the release that comes with the package. bound: how far, in points, they let it move a
    signal; None for as far as the release says. sample_rate: share of the other evaluations that are recorded.

    Time passes after each message, as it does after each batch.
    """
    scorer = Scorer() if scored else None
    bound = Scorer.bound if bound is None else bound
    decider = Decider(master, site_configs, scorer, bound, sample_rate)
    told = ExpectedLive()
    for messages in partitions:
        partition = LivePartition(config, decider)
        for message in messages:
            if isinstance(message, int):
                partition.advance(message)
            else:
                partition.record(*message)
            partition.end_of_batch()
        told.update(partition.finish())
    add_adjustments(scorer, told)
    return told


def add_adjustments(scorer: Scorer | None, told: ExpectedLive) -> None:
    """What the scorer would have added, to the decisions that are told: all at once, for it is dear."""
    decisions = [*told.decisions.values(), *told.suppressed.values()]
    nothing = [[0.0] * len(SIGNALS)] * len(decisions)
    added = nothing if scorer is None else scorer.adjustments([one["features"] for one in decisions])
    for one, points in zip(decisions, added, strict=True):
        one["adjustments"] = dict(zip(SIGNALS, points, strict=True))
