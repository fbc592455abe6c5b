"""What was put in, and what a committed reader finds, as `tests.system.recomputed` compares it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any, Literal

from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.reference.behaviour import Told, add_activity
from tests.reference.containers import ActivityKey, Visit
from tests.reference.tuples import Arrived, arrived
from tests.system.ledger import Ledger
from tests.system.reading import decoded, newest, read_topic
from topics.settings import Clock, Settings
from topics.state.base import RESERVED
from topics.table import changelog_name

Record = dict[str, Any]
Raw = tuple[bytes | None, bytes | None]

AT_ONCE = 10_000
"""Records decoded at once: rows of activity are wide."""
MARKED = ["mutations", "late_mutations", "late_visits"]
"""What is asked of a container's state."""


@dataclass
class Committed:
    """What was put in, and what a committed reader finds."""

    mutations: list[Arrived]
    """In the order of their partitions, as are the next."""
    tombstones: list[Arrived]
    rewards: list[Record]
    """reward-update, of decisions and containers."""
    posteriors: dict[str, Record]
    """The newest by arm."""
    told: dict[ActivityKey, Told]
    """container-activity, added up."""
    stats: dict[str, Record]
    """The newest by container."""
    tuples: list[Record]
    containers: dict[str, Record]
    """What assembly remembers of each container, by its changelog."""
    site_deltas: list[Record]
    stages: dict[str, Record]
    """The newest site-stage by site."""
    holdout_shares: dict[str, float] = field(default_factory=dict)
    """By site, of those with a config."""
    decisions: Counter[Visit] | None = None
    """By visit, where known."""


def read_committed(settings: Settings, ledger: Ledger, bad: Container[Raw] = ()) -> Committed:
    """Read what the ledger has not, but for the `bad` input records (key and value), which are dead letters."""
    told: defaultdict[ActivityKey, Told] = defaultdict(Told)
    for of_partition in read_topic(settings, "container-activity").values():
        values = [value for message in of_partition if (value := message.value()) is not None]
        for at in range(0, len(values), AT_ONCE):
            add_activity(told, decoded("container-activity", values[at : at + AT_ONCE]))
    configs = newest(settings, "site-config")
    return Committed(
        mutations=_arrived(settings, "mutation", bad),
        tombstones=_arrived(settings, "tombstone", bad),
        rewards=ledger.rewards + ledger.exposures,
        posteriors=ledger.posteriors,
        told=told,
        stats=ledger.stats,
        tuples=ledger.tuples,
        containers=_containers(settings),
        site_deltas=ledger.site_deltas,
        stages=newest(settings, "site-stage"),
        holdout_shares={site: one["holdout_share"] for site, one in configs.items()},
        decisions=Counter(map(visit_of, ledger.decisions)),
    )


def visit_of(record: Record) -> Visit:
    """The visit that a decision or a reward is of."""
    return record["session_id"], record["visit_started_at"]


def _arrived(settings: Settings, topic: str, bad: Container[Raw]) -> list[Arrived]:
    """The records of an input in the order of its partitions, without deletions."""
    messages = [one for of_partition in read_topic(settings, topic).values() for one in of_partition]
    good = [one for one in messages if one.value() is not None and (one.key(), one.value()) not in bad]
    read = decoded(topic, [one.value() or b"" for one in good])
    clock: Literal["wall", "event"] = "event" if settings.clock is Clock.EVENT else "wall"
    return [arrived(record, one.timestamp()[1], clock) for record, one in zip(read, good, strict=True)]


def _containers(settings: Settings) -> dict[str, Record]:
    """The newest record of each container in the changelog, without those forgotten and what it keeps of time."""
    values: dict[bytes, bytes | None] = {}
    for messages in read_topic(settings, changelog_name("container")).values():
        values.update({one.key() or b"": one.value() for one in messages})
    kept = {key.decode(): value for key, value in values.items() if value and not key.startswith(RESERVED.encode())}
    read = Decoder(record_type("container-state"), SchemaStore()).decode(list(kept.values()))
    assert not read.bad, read.bad[:3]
    return dict(zip(kept, read.batch.select(MARKED).to_pylist(), strict=True))
