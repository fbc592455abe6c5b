"""A partition held in memory, driven as a worker drives the fold: rows by session, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.behaviour.codes import TIMERS
from models.behaviour.config import FoldConfig
from models.behaviour.effects import COUNTS
from models.behaviour.features import FEATURE_NAMES
from models.behaviour.fold import Batch, Folded, free_rows, pass_time
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from tests.models.behaviour.events import to_batch, to_columns
from topics.watermark import BEFORE_ALL

MOST_SESSIONS = 64


@dataclass
class Partition:
    """Everything that came out, by session, and the live rows."""

    config: FoldConfig = field(default_factory=lambda: FoldConfig(closing_step_ms=1))
    replay: bool = False
    watermark: int = BEFORE_ALL
    closed: dict[str, list[dict[str, float]]] = field(default_factory=lambda: defaultdict(list))
    fired: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(lambda: dict.fromkeys(COUNTS, 0)))
    rows: npt.NDArray[np.void] = field(default_factory=lambda: np.repeat(SESSION_LAYOUT.blank, MOST_SESSIONS))
    places: dict[str, int] = field(default_factory=dict)
    released: list[int] = field(default_factory=lambda: list(range(MOST_SESSIONS)))

    def take(self, events: Sequence[dict[str, Any]], timestamps: Iterable[int] | None = None) -> Partition:
        """Fold a batch, then let time pass; Kafka's timestamps are those of sending unless given."""
        stamps = np.array([e["sent_at"] for e in events] if timestamps is None else list(timestamps), np.int64)
        columns = to_columns(to_batch(list(events)), stamps, self.watermark, replay=self.replay)
        index = np.array([self._place(e["session_id"]) for e in events], np.int64)
        self.watermark = max([self.watermark, *columns.watermark[-1:].tolist()])
        batch = Batch(index, columns)
        while batch.waiting.size:
            self._keep(batch.fold(self.rows, self.config))
        self._release(index)
        return self.advance(self.watermark)

    def advance(self, watermark: int) -> Partition:
        """Let time pass up to a watermark, in ms."""
        self.watermark = max(self.watermark, watermark)
        due = self.rows["due_ms"]
        touched = waiting = np.flatnonzero((due != 0) & (due <= self.watermark))
        while waiting.size:
            folded = pass_time(self.rows, waiting, self.watermark, self.config)
            waiting = folded.waiting
            self._keep(folded)
        self._release(touched)
        return self

    @property
    def live(self) -> dict[str, dict[str, float]]:
        """The features of every live visit, by session."""
        alive = {s: place for s, place in self.places.items() if self.rows["due_ms"][place]}
        return dict(zip(alive, features_of(self.rows[list(alive.values())]), strict=True))

    def _place(self, session: str) -> int:
        if session not in self.places:
            self.places[session] = self.released.pop()
        return self.places[session]

    def _keep(self, folded: Folded) -> None:
        names = {place: session for session, place in self.places.items()}
        for place, features in zip(folded.closed_session, features_of(folded.closed), strict=True):
            self.closed[names[place]].append(features)
        for row, *rest in zip(*folded.fired, strict=True):
            visit_ms, timer, deadline_ms, post_session, _ = rest
            self.fired[names[row]].append((int(visit_ms), TIMERS[timer], int(deadline_ms), bool(post_session)))
        for site, numbers in zip(folded.sites, folded.counts, strict=True):
            for name, number in zip(COUNTS, numbers, strict=True):
                self.counts[site.decode()][name] += int(number)
        self.rows["pending"][folded.fired.row[folded.fired.waits]] = 0

    def _release(self, touched: npt.NDArray[np.int64]) -> None:
        names = {place: session for session, place in self.places.items()}
        for place in free_rows(self.rows, touched):
            assert self.rows[place] == SESSION_LAYOUT.blank[0], "a freed row is blank"
            del self.places[names[place]]
            self.released.append(int(place))


def features_of(rows: npt.NDArray[np.void]) -> list[dict[str, float]]:
    """The features of each row by name, and the visit's start as `start_ms`."""
    matrix = feature_matrix(rows)
    return [
        dict(zip(FEATURE_NAMES, values.tolist(), strict=True)) | {"start_ms": float(start)}
        for values, start in zip(matrix, rows["start_ms"], strict=True)
    ]
