"""Records on their way out: encoded, checked against their topic's size limit, grouped for the producer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, NamedTuple

from schemas.codec import Encoder
from schemas.record_type import record_type
from topics.errors import ConfigurationError, OutputTooLarge
from topics.table import TOPICS, CloudEvents

RECORD_OVERHEAD = 96
HEADER_OVERHEAD = 4

Headers = list[tuple[str, str | bytes | None]]


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
    """What a unit, and then a span, will send: `records` by topic name."""

    records: defaultdict[str, list[Outgoing]] = field(default_factory=lambda: defaultdict(list))

    def __bool__(self) -> bool:
        return any(self.records.values())

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

    def move_to(self, other: Outbox) -> None:
        """Hand everything over."""
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
        spec = TOPICS.get(topic)
        if spec is None or spec.record is None or spec.key is None:
            raise ConfigurationError(
                f"topic {topic!r} takes no records of ours; the table in topics/table.py says which do"
            )
        encoder = self._encoders.get(topic)
        if encoder is None:
            encoder = self._encoders[topic] = Encoder(record_type(spec.record))
        headers = None if spec.cloud_events is None else self._cloud_events(spec.cloud_events, record)
        return Outgoing(str(record[spec.key]), encoder.encode(record), headers)

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
