"""What the fold must have come to, recomputed from the input by the plain reference, and what is there.

Of the product it uses the decoder and the changelog's row layout, no code of the fold or the transport.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
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
from tests.system.reading import read_partition, records
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

DECODED_AT_ONCE = 20_000


@dataclass
class Outcome:
    """Sums by site, and features of live visits by session."""

    sums: dict[str, Counter[str]] = field(default_factory=dict)
    live: dict[str, Features] = field(default_factory=dict)

    def add(self, site: str, counts: Mapping[str, int]) -> None:
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
    records: int
    """Of the input, markers of time left out."""


def expected(settings: Settings, config: Config, bad: Container[tuple[bytes | None, bytes | None]] = ()) -> Expected:
    """Fold the input topic with the reference, partition by partition, in offset order, but for the `bad` records."""
    parts = [_expected_of(settings, config, number, bad) for number in range(settings.partitions)]
    return merged(parts)


def expected_at_once(settings: Settings, config: Config) -> Expected:
    """The same by as many processes as there are processors: for much input."""
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        return merged(pool.map(partial(_expected_of, settings, config), range(settings.partitions)))


def merged(parts: Iterable[Expected]) -> Expected:
    """What is expected of several partitions."""
    wanted = Expected(Outcome(), {}, {}, set(), 0)
    for part in parts:
        for site, counts in part.outcome.sums.items():
            wanted.outcome.add(site, counts)
        wanted.outcome.live.update(part.outcome.live)
        wanted.watermarks.update(part.watermarks)
        wanted.standing.update(part.standing)
        wanted.erased.update(part.erased)
        wanted = wanted._replace(records=wanted.records + part.records)
    return wanted


def _expected_of(
    settings: Settings, config: Config, number: int, bad: Container[tuple[bytes | None, bytes | None]] = ()
) -> Expected:
    wanted, fold = Expected(Outcome(), {}, {}, set(), 0), PartitionFold(config)
    messages = read_partition(settings, "session-event", number)
    folded = 0
    for message, event in events_of([one for one in messages if (one.key(), one.value()) not in bad]):
        if event is None:
            fold.advance(int(header(message, WATERMARK_HEADER) or b""))
        else:
            fold.record(event, message.timestamp()[1])
            folded += 1
        fold.end_of_batch()
    for site, counts in fold.counts.items():
        wanted.outcome.add(site, {name: getattr(counts, name) for name in SUMS})
    watermark = fold.watermark if fold.watermark is not None else 0
    wanted.watermarks[number] = watermark
    wanted.outcome.live.update({session: visit.features() for session, visit in fold.live.items()})
    wanted.standing.update({(session, visit.start): watermark for session, visit in fold.live.items()})
    wanted.erased.update((visit.session_id, visit.start) for visit in fold.erased)
    return wanted._replace(records=folded)


def found(settings: Settings) -> Outcome:
    """What a committed reader finds: the sums of sites, and the visits that the changelog rebuilds."""
    outcome = Outcome()
    for record in records(settings, "site-delta"):
        outcome.add(record["site_id"], {name: record[name] for name in SUMS})
    for number in range(settings.partitions):
        outcome.live |= _live(read_partition(settings, "lamstream-session-changelog", number))
    return outcome


def assert_equal(there: Outcome, wanted: Outcome) -> None:
    """Nothing missing, nothing twice, every figure the same."""
    assert {site: sums for site, sums in there.sums.items() if sums} == wanted.sums
    assert sorted(there.live) == sorted(wanted.live)
    for session, features in wanted.live.items():
        assert there.live[session] == features, session


def events_of(messages: list[Record]) -> Iterator[tuple[Record, dict[str, Any] | None]]:
    """Each message with the session event in it; with None where it holds none, as those that tell the time."""
    decoder = Decoder(record_type("session-event"), SchemaStore())
    for begin in range(0, len(messages), DECODED_AT_ONCE):
        some = messages[begin : begin + DECODED_AT_ONCE]
        decoded = decoder.decode([message.value() for message in some])
        events: dict[int, dict[str, Any]] = dict(zip(decoded.rows.tolist(), decoded.batch.to_pylist(), strict=True))
        yield from ((message, events.get(position)) for position, message in enumerate(some))


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
