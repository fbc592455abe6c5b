"""Records of a topic as people read them: decoded, or what is wrong with them and their bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from schemas.bad import Reason
from schemas.codec import Decoder
from schemas.framing import AVRO_MARKER
from schemas.record_type import record_type
from schemas.store import SchemaStore
from schemas.tree import FINGERPRINT_BYTES
from topics.consuming import Record
from topics.errors import ConfigurationError
from topics.table import DEAD_LETTER_SUFFIX, RETRIED_TOPIC, SCHEMAS_TOPIC, TOPICS, TopicSpec
from topics.transport.dead_letters import ERROR_HEADER
from topics.watermark import WATERMARK_HEADER

FINGERPRINT = slice(len(AVRO_MARKER), len(AVRO_MARKER) + FINGERPRINT_BYTES)

Shown = dict[str, Any]
AddPublished = Callable[[SchemaStore], None]


class View(NamedTuple):
    """How the records of one topic are shown: `records` gives one object for each record, in order."""

    topic: str
    records: Callable[[Sequence[Record]], list[Shown]]


def view(topic: str, add_published: AddPublished) -> View:
    """How to show a topic; `add_published` is called to look up schemas that are not known.

    Raises ConfigurationError for a topic that is not in the table, or holds what only workers read.
    """
    spec = TOPICS.get(topic)
    if spec is None:
        raise ConfigurationError(f"topic {topic!r} is not in the table; `lam topics list` shows which are")
    if topic == SCHEMAS_TOPIC:
        return View(topic, _schemas)
    if topic == RETRIED_TOPIC:
        return View(topic, _markers)
    if topic.endswith(DEAD_LETTER_SUFFIX):
        source = TOPICS[topic.removesuffix(DEAD_LETTER_SUFFIX)]
        return View(topic, _DeadLetters(_Values(source, add_published)).show)
    if spec.record is None:
        raise ConfigurationError(
            f"topic {topic} is a changelog: its values are rows that only the workers' own version reads; "
            "`lam topics list` shows which topics hold records"
        )
    return View(topic, _Values(spec, add_published).show)


def raw(record: Record, shown: Shown) -> Shown:
    """A record with where it lies and what came along."""
    return {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": record.timestamp()[1],
        "key": _text(record.key()),
        "headers": {name: _text(value) for name, value in record.headers() or []},
        "record": shown,
    }


def fields_of(topic: str, value: bytes, add_published: AddPublished) -> Shown | None:
    """The fields of one value of a topic that holds records; None where it does not decode."""
    ((fields, bad),) = _Values(TOPICS[topic], add_published).decode([value])
    return fields if bad is None else None


class _Values:
    """Decodes the values of a record type. A fingerprint that is not known is looked up once."""

    def __init__(self, spec: TopicSpec, add_published: AddPublished) -> None:
        if spec.record is None:
            raise LookupError(f"topic {spec.name} holds no records of a type; the caller chooses one that does")
        self._store = SchemaStore()
        self._decoder = Decoder(record_type(spec.record), self._store, unknown="dlq")
        self._add_published = add_published
        self._looked_up: set[bytes] = set()

    def show(self, records: Sequence[Record]) -> list[Shown]:
        """Each record decoded, `{"deleted": key}`, `{"watermark": ms}`, or `{"bad": ...}` with its bytes."""
        decoded = self.decode([record.value() for record in records])
        return [
            _without_value(record)
            if record.value() is None
            else fields
            if bad is None
            else {"bad": bad, **_bytes(record)}
            for record, (fields, bad) in zip(records, decoded, strict=True)
        ]

    def decode(self, values: Sequence[bytes | None]) -> list[tuple[Shown, str | None]]:
        """The fields of each value, or why it has none."""
        decoded = self._decoder.decode(values)
        unknown = {
            (values[bad.index] or b"")[FINGERPRINT] for bad in decoded.bad if bad.reason is Reason.UNKNOWN_SCHEMA
        }
        if unknown - self._looked_up:
            self._looked_up |= unknown
            self._add_published(self._store)
            decoded = self._decoder.decode(values)
        told: list[tuple[Shown, str | None]] = [({}, None)] * len(values)
        for row, fields in zip(decoded.rows.tolist(), decoded.batch.to_pylist(maps_as_pydicts="lossy"), strict=True):
            told[row] = (fields, None)
        for bad in decoded.bad:
            told[bad.index] = ({}, f"{bad.reason.value}: {bad.message}")
        return told


class _DeadLetters:
    """What was wrong with each record of a source, as the stream said, and the record as far as it decodes."""

    def __init__(self, source: _Values) -> None:
        self._source = source

    def show(self, records: Sequence[Record]) -> list[Shown]:
        decoded = self._source.decode([record.value() for record in records])
        return [self._letter(record, fields, bad) for record, (fields, bad) in zip(records, decoded, strict=True)]

    def _letter(self, record: Record, fields: Shown, bad: str | None) -> Shown:
        headers = {name: _text(value) for name, value in record.headers() or []}
        told = {
            name.removeprefix(ERROR_HEADER): value for name, value in headers.items() if name.startswith(ERROR_HEADER)
        }
        others = {name: value for name, value in headers.items() if not name.startswith(ERROR_HEADER)}
        content = {"record": fields} if bad is None else _bytes(record)
        return {**told, "key": _text(record.key()), "headers": others, **content}


def _schemas(records: Sequence[Record]) -> list[Shown]:
    return [{"fingerprint": _text(record.key()), "schema": _json_of(record.value())} for record in records]


def _markers(records: Sequence[Record]) -> list[Shown]:
    return [{"letter": _text(record.key()), "retried": _json_of(record.value())} for record in records]


def _json_of(value: bytes | None) -> Any:
    try:
        return None if value is None else json.loads(value)
    except (ValueError, RecursionError):
        return _text(value)


def _shown(record: Record, fields: Shown, bad: str | None) -> Shown:
    if record.value() is None:
        return _without_value(record)
    return fields if bad is None else {"bad": bad, **_bytes(record)}


def _without_value(record: Record) -> Shown:
    headers = dict(record.headers() or [])
    if WATERMARK_HEADER in headers:
        return {"watermark": _text(headers[WATERMARK_HEADER])}
    return {"deleted": _text(record.key())}


def _bytes(record: Record) -> Shown:
    value = record.value()
    return {"value_base64": None if value is None else base64.b64encode(value).decode()}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="backslashreplace")
