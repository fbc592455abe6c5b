"""What must be on the outputs and in the state, recomputed from the input by the plain reference, and what is there.

Reads topics as any committed reader would; of the product it uses the decoder and the changelog's row layout, no code
of the fold or the transport.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from confluent_kafka import OFFSET_BEGINNING

from models.behaviour.features import FEATURES
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.reference.config import Config
from tests.reference.fold import PartitionFold
from topics.clients import reader
from topics.consuming import Record, everywhere, header, take
from topics.settings import Settings
from topics.state.column import ColumnState
from topics.state.restore import WATERMARK_KEY
from topics.watermark import WATERMARK_HEADER

LIMIT_S = 30.0
READ_AT_ONCE = 10_000

Features = dict[str, float]
SUMS = ("visits", "converted_visits", "orders", "order_lines", "folded", "late", "duplicate", "undecided", "capped")


@dataclass
class Outcome:
    """Interventions by id, sums by site, features of live visits by session, and what occurred more than once."""

    interventions: dict[str, dict[str, Any]] = field(default_factory=dict)
    sums: dict[str, Counter[str]] = field(default_factory=dict)
    live: dict[str, Features] = field(default_factory=dict)
    duplicated: list[str] = field(default_factory=list)


def expected(settings: Settings, config: Config, bad: Container[tuple[bytes | None, bytes | None]] = ()) -> Outcome:
    """Fold the input topic with the reference, partition by partition, in offset order, but for the `bad` records."""
    outcome = Outcome()
    for messages in read_topic(settings, "session-event").values():
        fold = PartitionFold(config)
        for message, event in _events([one for one in messages if (one.key(), one.value()) not in bad]):
            if event is None:
                fold.advance(int(header(message, WATERMARK_HEADER) or b""))
            else:
                fold.record(event, message.timestamp()[1])
            fold.end_of_batch()
        outcome.interventions |= {one["intervention_id"]: one for one in fold.interventions}
        for site, counts in fold.counts.items():
            sums = outcome.sums.setdefault(site, Counter())
            sums.update({name: getattr(counts, name) for name in (*SUMS, "unconsented")})
        outcome.live |= {session: visit.features() for session, visit in fold.live.items()}
    return outcome


def found(settings: Settings) -> Outcome:
    """What a committed reader finds: the outputs, and the state its changelog rebuilds."""
    outcome = Outcome()
    for record in records(settings, "intervention"):
        if record["intervention_id"] in outcome.interventions:
            outcome.duplicated.append(record["intervention_id"])
        outcome.interventions[record["intervention_id"]] = record
    for record in records(settings, "site-delta"):
        sums = outcome.sums.setdefault(record["site_id"], Counter())
        sums.update({name: record[name] for name in (*SUMS, "unconsented")})
    for messages in read_topic(settings, "lamstream-session-changelog").values():
        outcome.live |= _live(messages)
    return outcome


def assert_equal(there: Outcome, wanted: Outcome) -> None:
    """Nothing missing, nothing twice, every figure the same."""
    assert there.duplicated == []
    assert sorted(there.interventions) == sorted(wanted.interventions)
    for name, intervention in wanted.interventions.items():
        assert there.interventions[name] == {key: intervention.get(key) for key in there.interventions[name]}
    assert {site: +sums for site, sums in there.sums.items()} == {site: +sums for site, sums in wanted.sums.items()}
    assert sorted(there.live) == sorted(wanted.live)
    for session, features in wanted.live.items():
        assert there.live[session] == features, session


def records(settings: Settings, topic: str) -> list[dict[str, Any]]:
    """Every committed record of a topic of Avro records."""
    decoder = Decoder(record_type(topic), SchemaStore())
    values = [message.value() for messages in read_topic(settings, topic).values() for message in messages]
    rows: list[dict[str, Any]] = decoder.decode(values).batch.to_pylist()
    return rows


def read_topic(settings: Settings, topic: str) -> dict[int, list[Record]]:
    """Every committed record of a topic now, by partition, in offset order."""
    name = settings.prefix + topic
    client = reader(settings)
    targets = everywhere(client, name, OFFSET_BEGINNING, LIMIT_S)
    client.assign(targets)
    read: dict[int, list[Record]] = {target.partition: [] for target in targets}
    unread = set(read)
    while unread:
        records, ends = take(client, READ_AT_ONCE, LIMIT_S)
        assert records or ends, f"{name}: nothing more came for {sorted(unread)}"
        for record in records:
            read[record.partition()].append(record)
        unread -= {number for _, number in ends}
    client.close()
    return read


def _events(messages: list[Record]) -> list[tuple[Record, dict[str, Any] | None]]:
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
