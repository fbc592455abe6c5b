"""What the fold must have come to, recomputed from the input by the plain reference, and what is there.

Of the product it uses the decoder and the changelog's row layout, no code of the fold or the transport.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from models.behaviour.features import FEATURES
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.reference.config import Config
from tests.reference.fold import PartitionFold
from tests.system.reading import read_topic, records
from topics.consuming import Record, header
from topics.settings import Settings
from topics.state.column import ColumnState
from topics.state.restore import WATERMARK_KEY
from topics.watermark import WATERMARK_HEADER

Features = dict[str, float]
Visit = tuple[str, int]
"""Session and start, ms since the epoch."""
SUMS = (
    *("visits", "converted_visits", "orders", "order_lines"),
    *("folded", "late", "duplicate", "undecided", "capped", "unconsented"),
)


@dataclass
class Outcome:
    """Sums by site, and features of live visits by session."""

    sums: dict[str, Counter[str]] = field(default_factory=dict)
    live: dict[str, Features] = field(default_factory=dict)

    def add(self, site: str, counts: dict[str, int]) -> None:
        """Add to the sums of a site; what is zero says nothing."""
        self.sums.setdefault(site, Counter()).update({name: n for name, n in counts.items() if n})


class Expected(NamedTuple):
    """What must be there, and what else the reference knows."""

    outcome: Outcome
    watermarks: dict[int, int]
    """By partition."""
    standing: dict[Visit, int]
    """The watermark of each live visit's partition."""
    erased: set[Visit]
    """Visits of which nothing is kept, since consent was taken back."""


def expected(settings: Settings, config: Config, bad: Container[tuple[bytes | None, bytes | None]] = ()) -> Expected:
    """Fold the input topic with the reference, partition by partition, in offset order, but for the `bad` records."""
    wanted = Expected(Outcome(), {}, {}, set())
    for number, messages in read_topic(settings, "session-event").items():
        fold = PartitionFold(config)
        for message, event in events_of([one for one in messages if (one.key(), one.value()) not in bad]):
            if event is None:
                fold.advance(int(header(message, WATERMARK_HEADER) or b""))
            else:
                fold.record(event, message.timestamp()[1])
            fold.end_of_batch()
        for site, counts in fold.counts.items():
            wanted.outcome.add(site, {name: getattr(counts, name) for name in SUMS})
        watermark = fold.watermark if fold.watermark is not None else 0
        wanted.watermarks[number] = watermark
        wanted.outcome.live.update({session: visit.features() for session, visit in fold.live.items()})
        wanted.standing.update({(session, visit.start): watermark for session, visit in fold.live.items()})
        wanted.erased.update((visit.session_id, visit.start) for visit in fold.erased)
    return wanted


def found(settings: Settings) -> Outcome:
    """What a committed reader finds: the sums of sites, and the visits that the changelog rebuilds."""
    outcome = Outcome()
    for record in records(settings, "site-delta"):
        outcome.add(record["site_id"], {name: record[name] for name in SUMS})
    for messages in read_topic(settings, "lamstream-session-changelog").values():
        outcome.live |= _live(messages)
    return outcome


def assert_equal(there: Outcome, wanted: Outcome) -> None:
    """Nothing missing, nothing twice, every figure the same."""
    assert {site: sums for site, sums in there.sums.items() if sums} == wanted.sums
    assert sorted(there.live) == sorted(wanted.live)
    for session, features in wanted.live.items():
        assert there.live[session] == features, session


def events_of(messages: list[Record]) -> list[tuple[Record, dict[str, Any] | None]]:
    """Each message with the session event in it; with None where it holds none, as those that tell the time."""
    decoder = Decoder(record_type("session-event"), SchemaStore())
    decoded = decoder.decode([message.value() for message in messages])
    events: dict[int, dict[str, Any]] = dict(zip(decoded.rows.tolist(), decoded.batch.to_pylist(), strict=True))
    return [(message, events.get(position)) for position, message in enumerate(messages)]


def _live(messages: list[Record]) -> dict[str, Features]:
    newest = {(message.key() or b"").decode(): message.value() for message in messages}
    newest.pop(WATERMARK_KEY, None)
    state = ColumnState(SESSION_LAYOUT)
    state.load(list(newest), list(newest.values()))
    live = {}
    for key in state:
        row = state.find(key)
        assert row is not None
        values = np.asarray(feature_matrix(row)[0], np.float64).tolist()
        live[key] = dict(zip((feature.name for feature in FEATURES), values, strict=True))
    return live
