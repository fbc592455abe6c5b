"""The input folded once more, by the plain reference: what the stream must have made of it.

The single-threaded fold of `tests/reference` replays the committed input, partition by partition, in offset order; of
the product it uses the decoder, no code of the fold or the transport. Decisions and rewards hold under the conditions
that `tests/reference/live.py` states.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from multiprocessing import get_context
from typing import Any

from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from services.demo.process import end_with_parent
from tests.reference.closed import ClosedVisits
from tests.reference.config import Config
from tests.reference.decide import Decider
from tests.reference.fold import PartitionFold
from tests.reference.live import ExpectedLive, LivePartition, add_adjustments
from tests.reference.release import INPUTS
from tests.reference.scorer import Scorer
from tests.system.outcome import SUMS, Outcome, Visit
from tests.system.reading import newest, read_partition
from tests.system.stream import MASTER_KEY
from topics.consuming import Record, header
from topics.settings import Settings
from topics.watermark import WATERMARK_HEADER

Raw = tuple[bytes | None, bytes | None]
DECODED_AT_ONCE = 10_000


@dataclass
class Refolded:
    """What must be there. `records` of the input were folded, markers of time left out."""

    visits: ClosedVisits
    outcome: Outcome = field(default_factory=Outcome)
    live: ExpectedLive = field(default_factory=ExpectedLive)
    """Decisions and rewards; nothing where they were not asked for."""
    watermarks: dict[int, int] = field(default_factory=dict)
    """By partition."""
    standing: dict[Visit, int] = field(default_factory=dict)
    """The watermark of each live visit's partition."""
    erased: set[Visit] = field(default_factory=set)
    """Visits of which nothing is kept, since consent was taken back."""
    records: int = 0

    def update(self, other: Refolded) -> None:
        """Add what another partition tells."""
        self.visits.update(other.visits)
        self.outcome.update(other.outcome)
        self.live.update(other.live)
        self.watermarks |= other.watermarks
        self.standing |= other.standing
        self.erased |= other.erased
        self.records += other.records


def refold(
    settings: Settings, config: Config, *, decided: bool = False, bad: Container[Raw] = (), much: bool = False
) -> Refolded:
    """Fold the input, but for the `bad` records (key and value), which are dead letters.

    decided: evaluate each visit as well; without, decisions and rewards are left out, which takes half as long.
    much: so much that a process for each processor should share the work.
    """
    of_one = partial(_refold_one, settings, config, decided, bad)
    whole = Refolded(ClosedVisits(config, INPUTS))
    each: Callable[..., Iterable[Refolded]] = _processes().map if much else map
    for part in each(of_one, range(settings.partitions)):
        whole.update(part)
    return whole


@cache
def _processes() -> ProcessPoolExecutor:
    """They take some seconds to start, stay for whoever asks next, and end with this process, however it ends."""
    return ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), end_with_parent)


def _refold_one(settings: Settings, config: Config, decided: bool, bad: Container[Raw], number: int) -> Refolded:
    read = read_partition(settings, "session-event", number)
    messages = [one for one in read if (one.key(), one.value()) not in bad]
    refolded = Refolded(ClosedVisits(config, INPUTS))
    scorer = Scorer() if decided else None
    fold = _partition(settings, config, scorer) if scorer is not None else PartitionFold(config)
    refolded.visits.fold(_counted(_events(messages), refolded), fold)
    if isinstance(fold, LivePartition):
        refolded.live = fold.finish()
        add_adjustments(scorer, refolded.live)
    for site, counts in fold.counts.items():
        refolded.outcome.add(site, {name: getattr(counts, name) for name in SUMS})
    watermark = fold.watermark if fold.watermark is not None else 0
    refolded.watermarks[number] = watermark
    refolded.outcome.live = {session: visit.features() for session, visit in fold.live.items()}
    refolded.standing = {(session, visit.start): watermark for session, visit in fold.live.items()}
    refolded.erased = {(visit.session_id, visit.start) for visit in fold.erased}
    return refolded


def _partition(settings: Settings, config: Config, scorer: Scorer) -> LivePartition:
    configs = newest(settings, "site-config").values()
    return LivePartition(config, Decider(MASTER_KEY.encode(), configs, scorer, scorer.bound))


def _counted(
    events: Iterable[tuple[dict[str, Any] | int, int]], refolded: Refolded
) -> Iterator[tuple[dict[str, Any] | int, int]]:
    for event, timestamp in events:
        refolded.records += not isinstance(event, int)
        yield event, timestamp


def _events(messages: list[Record]) -> Iterator[tuple[dict[str, Any] | int, int]]:
    """The events of a partition and the watermarks stated in it, each with Kafka's timestamp."""
    decoder = Decoder(record_type("session-event"), SchemaStore())
    for begin in range(0, len(messages), DECODED_AT_ONCE):
        some = messages[begin : begin + DECODED_AT_ONCE]
        read = decoder.decode([one.value() for one in some])
        events: dict[int, dict[str, Any]] = dict(zip(read.rows.tolist(), read.batch.to_pylist(), strict=True))
        for place, one in enumerate(some):
            stated = events.get(place)
            yield stated if stated is not None else int(header(one, WATERMARK_HEADER) or b""), one.timestamp()[1]
