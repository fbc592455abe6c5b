"""A partition of live sessions held in memory, driven as the agent drives it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.ava.draws import Draws
from models.bandit.posterior import Posterior
from models.behaviour.columns import event_columns
from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch, Folded
from models.behaviour.layout import SESSION_LAYOUT
from models.live.buckets import visitor_buckets
from models.live.site_book import SiteBook
from models.live.turn import Minds, Source, Turn
from models.serving.scorer import Scorer
from schemas.clocks import record_times
from schemas.record_type import record_type
from topics.state.column import ColumnState
from topics.watermark import BEFORE_ALL, running_watermarks

KEY = b"a key for tests, of 32 bytes....."
EVENT_SCHEMA = record_type("session-event").arrow_schema

Record = Mapping[str, Any]


def minds(
    *,
    configs: Iterable[Record] = (),
    posteriors: Mapping[str, Posterior] | None = None,
    scorer: Scorer | None = None,
    config: FoldConfig | None = None,
) -> Minds:
    """What a worker consults, with sites as configured."""
    draws = Draws(KEY)
    book = SiteBook(draws.key_id)
    for record in configs:
        book.apply_config(record["site_id"], record, 0)
    decider = Decider(Policy(installed_catalog(), "" if scorer is None else scorer.version), draws)
    return Minds(config or FoldConfig(), draws, book, decider, {} if posteriors is None else posteriors, scorer)


@dataclass
class LivePartition:
    """Everything that came out, by topic, and the live rows."""

    minds: Minds
    watermark: int = BEFORE_ALL
    state: ColumnState = field(default_factory=lambda: ColumnState(SESSION_LAYOUT))
    records: defaultdict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[Any] = field(default_factory=Counter)
    folded: list[Folded] = field(default_factory=list)
    closed_sessions: list[str] = field(default_factory=list)
    """Of each visit closed, in the order of `folded`."""

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

    def _turn(self) -> Turn:
        return Turn(self.minds, self.state.rows, self.state.keys_of, Source("session-event", 0, self.watermark))

    def _end(self, turn: Turn) -> LivePartition:
        turn.pass_time(self.state.due(self.watermark))
        turn.finish()
        for folded in turn.folded:
            self.closed_sessions += self.state.keys_of(folded.closed_session)
        self.state.release(turn.freed())
        self.state.keep()
        for topic, sent in turn.records.items():
            self.records[topic] += sent
        self.counts.update(turn.counts)
        self.folded += turn.folded
        return self


def _full(event: Record) -> dict[str, Any]:
    return {**dict.fromkeys(EVENT_SCHEMA.names), **event, "attributes": list(event.get("attributes", {}).items())}
