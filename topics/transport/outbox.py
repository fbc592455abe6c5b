"""Records on their way out: encoded, checked against their topic's size limit, grouped for the producer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.codec import Encoder
from schemas.record_type import record_type
from topics.errors import ConfigurationError, OutputTooLarge
from topics.table import TOPICS, CloudEvents, TopicSpec

RECORD_OVERHEAD = 96
HEADER_OVERHEAD = 4

Headers = list[tuple[str, str | bytes | None]]


class Metric(NamedTuple):
    """What is counted, and under which labels, sorted by name."""

    name: str
    labels: tuple[tuple[str, str], ...]


class Outgoing(NamedTuple):
    """One record to produce; `partition` None leaves it to the key."""

    key: str | bytes | None
    value: bytes | None
    headers: Headers | None = None
    partition: int | None = None

    @property
    def size(self) -> int:
        """Bytes of key, value and headers, and what surrounds them, about as the broker counts."""
        headers = sum(len(name) + len(value or b"") + HEADER_OVERHEAD for name, value in self.headers or [])
        return len(self.key or b"") + len(self.value or b"") + headers + RECORD_OVERHEAD


@dataclass
class Outbox:
    """What a unit, and then a span, will send and count: `records` by topic name, `counts` by metric and labels."""

    records: defaultdict[str, list[Outgoing]] = field(default_factory=lambda: defaultdict(list))
    counts: defaultdict[Metric, float] = field(default_factory=lambda: defaultdict(float))

    def __bool__(self) -> bool:
        return bool(self.counts) or any(self.records.values())

    @property
    def urgent(self) -> bool:
        """Whether something waits in it that a live page waits for."""
        return any(TOPICS[topic].urgent for topic, waiting in self.records.items() if waiting)

    def add(self, topic: str, outgoing: Outgoing) -> None:
        """Take one record.

        Raises OutputTooLarge where it exceeds its topic's limit.
        """
        limit = TOPICS[topic].max_bytes
        if outgoing.size > limit:
            raise OutputTooLarge(
                f"a record for {topic} with key {outgoing.key!r} has {outgoing.size} bytes, the topic takes {limit}; "
                "what made it must bound it, or raise max_bytes in topics/table.py and run `lam topics apply`"
            )
        self.records[topic].append(outgoing)

    def count(self, name: str, amount: float, labels: Mapping[str, str]) -> None:
        """Add to a metric."""
        self.counts[Metric(name, tuple(sorted(labels.items())))] += amount

    def move_to(self, other: Outbox) -> None:
        """Hand everything over."""
        for metric, amount in self.counts.items():
            other.counts[metric] += amount
        self.counts.clear()
        for topic, waiting in self.records.items():
            other.records[topic].extend(waiting)
        self.records.clear()


class RecordEncoder:
    """Turns records into what goes out on their topic."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._encoders: dict[str, Encoder] = {}

    def outgoing(self, topic: str, record: Mapping[str, Any]) -> Outgoing:
        """The record, keyed by the field that the table names, with CloudEvents headers where the table says so.

        Raises ConfigurationError for a topic that is not in the table or holds no Avro records, SchemaError for a
        record that does not fit.
        """
        spec, key, encoder = self._of(topic)
        headers = None if spec.cloud_events is None else self._cloud_events(spec.cloud_events, record)
        return Outgoing(str(record[key]), encoder.encode(record), headers)

    def outgoing_all(self, topic: str, records: Sequence[Mapping[str, Any]]) -> list[Outgoing]:
        """The same for each of many records. Raises as `outgoing` does."""
        spec, key, encoder = self._of(topic)
        named, values = spec.cloud_events, encoder.encode_all(records)
        return [
            Outgoing(str(record[key]), value, None if named is None else self._cloud_events(named, record))
            for record, value in zip(records, values, strict=True)
        ]

    def outgoing_columns(self, topic: str, columns: pa.RecordBatch) -> list[Outgoing]:
        """The same for every row of a batch that holds the columns of the topic's record type.

        Raises as `outgoing` does.
        """
        spec, key, encoder = self._of(topic)
        values = encoder.encode_batch(columns)
        keys = [str(one) for one in columns.column(key).to_pylist()]
        if spec.cloud_events is None:
            return [Outgoing(*pair) for pair in zip(keys, values, strict=True)]
        named = spec.cloud_events
        told = columns.select([named.id_field, named.time_field, named.source_field]).to_pylist()
        headers = [self._cloud_events(named, row) for row in told]
        return [Outgoing(*row) for row in zip(keys, values, headers, strict=True)]

    def _of(self, topic: str) -> tuple[TopicSpec, str, Encoder]:
        """A topic's row of the table, its key field and encoder."""
        spec = TOPICS.get(topic)
        if spec is None or spec.record is None or spec.key is None:
            raise ConfigurationError(
                f"topic {topic!r} takes no records of ours; the table in topics/table.py says which do"
            )
        encoder = self._encoders.get(topic)
        if encoder is None:
            encoder = self._encoders[topic] = Encoder(record_type(spec.record))
        return spec, spec.key, encoder

    def _cloud_events(self, named: CloudEvents, record: Mapping[str, Any]) -> Headers:
        at = datetime.fromtimestamp(record[named.time_field] / 1000, timezone.utc)
        return [
            ("ce_specversion", b"1.0"),
            ("ce_id", str(record[named.id_field]).encode()),
            ("ce_source", f"{self._source}/{record[named.source_field]}".encode()),
            ("ce_type", named.type.encode()),
            ("ce_time", at.isoformat(timespec="milliseconds").encode()),
        ]


def changelog_records(keys: Sequence[str], values: Sequence[bytes | None], partition: int) -> list[Outgoing]:
    """Changelog entries, bound to the partition whose state they are."""
    return [Outgoing(key, value, None, partition) for key, value in zip(keys, values, strict=True)]
