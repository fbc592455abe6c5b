"""One turn of live sessions: a batch folded, evaluated and decided on, time passed, and what follows as records.

A visit is evaluated once for all its events of a batch, at the last of them, and once for each timer that fires, at
its deadline, in the order of these moments: a timer's decision comes before the next event counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.ava.deciding import Decider, Evaluations
from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch, Folded, free_rows, pass_time
from models.behaviour.moment_matrix import moment_matrix
from models.behaviour.records import SiteSums
from models.live.rewarding import (
    RESULTS,
)
from models.live.site_book import SiteBook
from models.serving.scorer import Scorer

Index = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
NO_TIMER = -1
FIRE = RESULTS.index("fire")


class Source(NamedTuple):
    """Where a turn's records come from: topic, partition, and its watermark after them, ms since the epoch."""

    topic: str
    partition: int
    watermark: int


@dataclass(frozen=True)
class Minds:
    """What a turn consults: the fold's constants, the sites, the decider, and a scorer where there is one."""

    config: FoldConfig
    sites: SiteBook
    decider: Decider
    scorer: Scorer | None


@dataclass
class Turn:
    """One turn over the `rows` of a partition; `keys_of` names the sessions of rows that are in use.

    What is to be sent gathers in `records`, by topic, what is to be counted in `counts`.
    """

    minds: Minds
    rows: Rows
    keys_of: Callable[[Index], list[str]]
    source: Source
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    freed: list[Index] = field(default_factory=list)
    sums: SiteSums = field(default_factory=SiteSums)

    def take(self, batch: Batch) -> None:
        """Fold a batch, decide where a timer fires on the way, then evaluate every visit it changed."""
        while batch.waiting.size:
            folded = batch.fold(self.rows, self.minds.config)
            self._conclude(folded)
        changed = self._evaluable(batch.changed(self.rows))
        now_ms = self.rows["start_ms"][changed] + self.rows["last"][changed]
        self._evaluate(changed, now_ms, np.full(changed.size, NO_TIMER), np.zeros(changed.size, np.bool_))
        self.freed.append(free_rows(self.rows, batch.index))

    def pass_time(self, due: Index) -> None:
        """Let time pass for the visits that wait for it, deciding where a timer fires."""
        waiting = due
        while waiting.size:
            folded = pass_time(self.rows, waiting, self.source.watermark, self.minds.config)
            self._conclude(folded)
            waiting = folded.waiting
        self.freed.append(free_rows(self.rows, due))

    def _evaluable(self, index: Index) -> Index:
        rows = self.rows
        kept: Index = index[(rows["personalization"][index] == 1) & (rows["bot"][index] == 0)]
        return kept

    def _conclude(self, folded: Folded) -> None:
        """Rewards and closings that a step of the fold brought, then the evaluation of the timers it fired."""
        self.sums.add(folded)
        self._reward(folded.outcomes)
        self._close(folded)
        fired = folded.fired
        pending = self.rows["pending"][fired.row] == 1
        self.rows["pending"][fired.row] = 0
        self._evaluate(
            fired.row[pending],
            fired.deadline_ms[pending],
            fired.timer[pending].astype(np.int64),
            fired.post_session[pending],
        )

    def _evaluate(self, index: Index, now_ms: Index, timer: Index, post_session: npt.NDArray[np.bool_]) -> None:
        """Evaluate the visits in `rows[index]`, each at its moment, and do what is concluded."""
        if not index.size:
            return
        rows, minds = self.rows, self.minds
        features = moment_matrix(rows, index, now_ms)
        scores = None if minds.scorer is None else minds.scorer.score(features)
        evaluations = Evaluations(
            features=features,
            consented=rows["personalization"][index],
            history=history(rows, index, now_ms),
            adjustments=np.zeros((index.size, 5), np.float32) if scores is None else scores.adjustments,
            site=minds.sites.places(rows["site"][index], rows["site_id"][index]),
            bucket=rows["bucket"][index] - 1,
            session=self.keys_of(index),
            visit_ms=rows["start_ms"][index],
            now_ms=now_ms,
            timer=timer,
            post_session=post_session,
        )
        decided = minds.decider.decide(evaluations, minds.sites.contexts)
        self._remember(index, now_ms, decided.conclusions)
        self._tell(evaluations, decided)
        self.sums.decided(evaluations.site, minds.sites.contexts, decided)
