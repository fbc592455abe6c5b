"""A partition of live sessions held in memory, driven as the agent drives it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from models.behaviour.columns import event_columns
from models.behaviour.fold import Batch, Folded
from models.behaviour.layout import SESSION_LAYOUT
from models.live.buckets import visitor_buckets
from models.live.turn import Minds, Source, Turn
from schemas.clocks import record_times
from schemas.record_type import record_type
from topics.state.column import ColumnState
from topics.watermark import BEFORE_ALL, running_watermarks

EVENT_SCHEMA = record_type("session-event").arrow_schema

Record = Mapping[str, Any]


class Closed(NamedTuple):
    """A visit closed: its session, and its row (SESSION_LAYOUT.dtype) as it stood."""

    session_id: str
    row: np.void


@dataclass
class LivePartition:
    """Everything that came out, by topic, the visits closed, and the live rows."""

    minds: Minds
    watermark: int = BEFORE_ALL
    state: ColumnState = field(default_factory=lambda: ColumnState(SESSION_LAYOUT))
    records: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[Any] = field(default_factory=Counter)
    folded: list[Folded] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)

    def take(self, events: Sequence[Record]) -> LivePartition:
        """Fold a batch of events on the clock of the records, decide, and let time pass."""
        columns = pa.RecordBatch.from_pylist([_full(event) for event in events], schema=EVENT_SCHEMA)
        times = record_times(columns, np.array([e["sent_at"] for e in events], np.int64), replay=True)
        marks = running_watermarks(*times, self.watermark)
        index = self.state.row_numbers(columns["session_id"])
        folding = event_columns(columns, *times, marks)
        buckets = visitor_buckets(self.state.rows, index, columns, folding, self.minds.draws, self.minds.config)
        self.watermark = max([self.watermark, *marks[-1:].tolist()])
        turn = self._turn()
        turn.take(Batch(index, folding, buckets))
        return self._end(turn)

    def advance(self, watermark: int) -> LivePartition:
        """Let time pass up to a watermark, ms since the epoch."""
        self.watermark = max(self.watermark, watermark)
        return self._end(self._turn())

    def forget(self) -> None:
        """Drop what came out so far; the live rows stay."""
        for gathered in (self.records, self.counts, self.folded, self.closed):
            gathered.clear()

    def _turn(self) -> Turn:
        return Turn(self.minds, self.state.rows, self.state.keys_of, Source("session-event", 0, self.watermark))

    def _end(self, turn: Turn) -> LivePartition:
        turn.pass_time(self.state.due(self.watermark))
        turn.finish()
        for folded in turn.folded:
            self.closed += map(Closed, self.state.keys_of(folded.closed_session), folded.closed)
        self.state.release(turn.freed())
        self.state.keep()
        for topic, sent in turn.records.items():
            self.records[topic] += sent
        self.counts.update(turn.counts)
        self.folded += turn.folded
        return self


def _full(event: Record) -> dict[str, Any]:
    return {**dict.fromkeys(EVENT_SCHEMA.names), **event, "attributes": list(event.get("attributes", {}).items())}
