"""What a reader of the topics sees: counts, taken while the records come."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from schemas.codec import Decoder
from schemas.errors import LamstreamError
from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.clients import reader
from topics.consuming import Record, everywhere, take
from topics.settings import Settings
from topics.table import DEAD_LETTER_SUFFIX, TOPICS

INPUTS = ("session-event", "mutation", "tombstone", "site-config")
READ_AT_ONCE = 5000
WAIT_S = 0.2


class RecordsMissing(LamstreamError):
    """The embedded broker dropped records before they were read."""


@dataclass
class Seen:
    """What was read so far. `records` counts by topic; the sets hold ids, each once however often it was read."""

    records: Counter[str] = field(default_factory=Counter)
    visits: int = 0
    orders: int = 0
    folded: int = 0
    unconsented: int = 0
    decisions: dict[str, str] = field(default_factory=dict)
    """Session by decision id: fire, no_op and holdout."""
    results: Counter[str] = field(default_factory=Counter)
    interventions: Counter[str] = field(default_factory=Counter)
    rewarded: set[str] = field(default_factory=set)
    """Decisions rewarded."""
    tuples: dict[str, int] = field(default_factory=dict)
    """Highest revision by tuple id."""
    final: set[str] = field(default_factory=set)
    """Tuples whose last revision was read."""
    lost: str | None = None
    doubled: Counter[str] = field(default_factory=Counter)
    """Ids read more than once, by topic."""

    @property
    def events(self) -> int:
        """Session events, what was made of them aside."""
        return self.records["session-event"]

    @property
    def dead_letters(self) -> int:
        """Records diverted, of all topics."""
        return sum(number for topic, number in self.records.items() if topic.endswith(DEAD_LETTER_SUFFIX))

    @property
    def outputs(self) -> int:
        """Records that agents sent."""
        return sum(number for topic, number in self.records.items() if topic not in INPUTS)

    @property
    def rewards(self) -> int:
        """Decisions rewarded."""
        return len(self.rewarded)


class Watcher:
    """Reads the topics on a thread of its own, from their beginning, committed records only.

    `contiguous`: offsets have no holes, so that one means lost records (the embedded broker; a real one has markers).
    """

    def __init__(self, settings: Settings, *, contiguous: bool) -> None:
        self.seen = Seen()
        self._settings = settings
        self._contiguous = contiguous
        self._next: dict[tuple[str, int], int] = {}
        self._take = {
            "decision": self._decisions,
            "intervention": self._interventions,
            "reward-update": self._rewards,
            "training-tuple": self._tuples,
            "site-delta": self._site_deltas,
        }
        self._decoders = {name: Decoder(record_type(str(TOPICS[name].record)), SchemaStore()) for name in self._take}
        self._stopping = threading.Event()
        self._failed: LamstreamError | None = None
        self._thread = threading.Thread(target=self._run, name="lamstream-watch", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def check(self) -> None:
        """Raises RecordsMissing where the broker dropped records unread, and what ended the reading otherwise."""
        if self.seen.lost is not None:
            raise RecordsMissing(self.seen.lost)
        if self._failed is not None:
            raise self._failed

    def _run(self) -> None:
        client = reader(self._settings)
        try:
            watched = [name for name, spec in TOPICS.items() if spec.record or name.endswith(DEAD_LETTER_SUFFIX)]
            client.assign([target for name in watched for target in self._partitions(client, name)])
            while not self._stopping.is_set():
                self._count(take(client, READ_AT_ONCE, WAIT_S).records)
        except LamstreamError as failed:
            self._failed = failed
        finally:
            client.close()

    def _partitions(self, client: Consumer, name: str) -> list[TopicPartition]:
        return everywhere(client, self._settings.prefix + name, OFFSET_BEGINNING, self._settings.request_timeout_s)

    def _count(self, records: list[Record]) -> None:
        by_topic: dict[str, list[bytes]] = {}
        for record in records:
            self._follow(record)
            value = record.value()
            if value is not None:
                by_topic.setdefault(record.topic().removeprefix(self._settings.prefix), []).append(value)
        for topic, values in by_topic.items():
            if topic in self._take:
                self._take[topic](self._decoders[topic].decode(values).batch.to_pylist())
            self.seen.records[topic] += len(values)

    def _follow(self, record: Record) -> None:
        where = (record.topic(), record.partition())
        expected = self._next.get(where, 0)
        if self._contiguous and record.offset() != expected:
            self.seen.lost = (
                f"{where[0]}[{where[1]}]: offset {record.offset()} follows {expected - 1}: the embedded broker "
                "dropped records before they were read; use a lower rate or a real Kafka (KAFKA=host:port)"
            )
        self._next[where] = record.offset() + 1

    def _decisions(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            if record["result"] == "suppress":
                continue
            if record["decision_id"] in self.seen.decisions:
                self.seen.doubled["decision"] += 1
            else:
                self.seen.decisions[record["decision_id"]] = record["session_id"]
                self.seen.results[record["result"]] += 1

    def _interventions(self, records: Iterable[Mapping[str, Any]]) -> None:
        self.seen.interventions.update(record["tier"] for record in records)

    def _rewards(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            if record["subject"] == "decision":
                self.seen.doubled["reward-update"] += record["decision_id"] in self.seen.rewarded
                self.seen.rewarded.add(record["decision_id"])

    def _tuples(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            known = self.seen.tuples.get(record["tuple_id"], 0)
            self.seen.doubled["training-tuple"] += record["revision"] <= known
            self.seen.tuples[record["tuple_id"]] = max(known, record["revision"])
            if record["final"]:
                self.seen.final.add(record["tuple_id"])

    def _site_deltas(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            self.seen.visits += record["visits"]
            self.seen.orders += record["orders"]
            self.seen.folded += record["folded"]
            self.seen.unconsented += record["unconsented"]
