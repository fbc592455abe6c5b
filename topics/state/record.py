"""State as records: one Avro record a key, for what is wide or rarely touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from schemas.codec import Decoder, Encoder, SchemaStore
from schemas.record_type import RecordType
from topics.errors import OutputTooLarge, RestoreFailed
from topics.state.base import Changes
from topics.state.blocks import (
    KEY_FIELD,
    metadata_of,
    new_block,
    refuse_open_span,
    refuse_other_columns,
    refuse_repeated_keys,
)
from topics.state.due import DueIndex
from topics.table import MAX_RECORD_BYTES

KIND = "records"
VALUE_FIELD = pa.field("value", pa.large_binary(), nullable=False)
MOST_BYTES = MAX_RECORD_BYTES - 1024
"""What a changelog takes of a key and its record; the rest surrounds them. A commit with more would fail for ever."""
KEY_BYTES_ESTIMATE = 150
DUE_BYTES_ESTIMATE = 200
"""A due time's entries in dictionary and heap."""


class _Kept(NamedTuple):
    value: bytes | None
    due: int | None


class RecordState:
    """The records of one partition, kept encoded; `get` decodes.

    `due` names a field of ms since the epoch, null for never: `due()` finds the keys it has come for.
    """

    def __init__(self, record_type: RecordType, store: SchemaStore, due: str | None = None) -> None:
        if due is not None:
            record_type.field_named(due)
        self.record_type = record_type
        self._due_field = due
        self._due = DueIndex()
        self._encoder = Encoder(record_type)
        self._decoder = Decoder(record_type, store, unknown="dlq")
        self._values: dict[str, bytes] = {}
        self._pre_images: dict[str, _Kept] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._values)

    @property
    def changed(self) -> bool:
        """Whether the open span touched any record."""
        return bool(self._pre_images)

    @property
    def memory_bytes(self) -> int:
        """Bytes held for records and keys, estimated."""
        return self._bytes + len(self._values) * KEY_BYTES_ESTIMATE + len(self._due) * DUE_BYTES_ESTIMATE

    def get(self, key: str) -> dict[str, Any] | None:
        """The key's record, or None; it can be put again as it is."""
        value = self._values.get(key)
        if value is None:
            return None
        record: dict[str, Any] = self._decoder.decode([value]).batch.to_pylist(maps_as_pydicts="strict")[0]
        return record

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Set the key's record.

        Raises SchemaError where the record does not fit its schema, OutputTooLarge where its changelog cannot take it.
        """
        due = None if self._due_field is None else record.get(self._due_field)
        value = self._encoder.encode(record)
        if len(key.encode()) + len(value) > MOST_BYTES:
            raise OutputTooLarge(
                f"state {self.record_type.name}: the record of key {key[:80]!r} has {len(value)} bytes, its changelog "
                f"takes {MOST_BYTES} with the key; what made it must bound it"
            )
        self._replace(key, _Kept(value, due))

    def delete(self, key: str) -> None:
        """Remove the key, where it is known."""
        if key in self._values:
            self._replace(key, _Kept(None, None))

    def due(self, watermark: int) -> list[str]:
        """Keys whose `due` field is at or before the watermark, by due time and key."""
        return self._due.until(watermark)

    def __iter__(self) -> Iterator[str]:
        """Every key, in no particular order."""
        return iter(self._values)

    def changes(self) -> Changes:
        """What the open span changed: the last value of each touched key."""
        changed = [key for key, before in self._pre_images.items() if self._values.get(key) != before.value]
        return Changes(changed, [self._values.get(key) for key in changed])

    def keep(self) -> None:
        """The span committed."""
        self._pre_images.clear()

    def take_back(self) -> None:
        """The span failed: every touched key has again the record it had."""
        for key, before in self._pre_images.items():
            self._set(key, before)
        self._pre_images.clear()

    def load(self, keys: Sequence[str], values: Sequence[bytes | None]) -> None:
        """Take changelog records, in order.

        Raises RestoreFailed for a value that is no record of this type, or whose writer's schema is not known.
        """
        decoded = self._decoder.decode([value for value in values if value is not None])
        for bad in decoded.bad:
            raise RestoreFailed(
                f"state {self.record_type.name}: a changelog record cannot be read: {bad.message}; run the version "
                "that wrote it, or delete the changelog topic and the group's offsets, run `lam topics apply`, and "
                "begin with empty state"
            )
        none = [None] * len(decoded.batch)
        dues = iter(none if self._due_field is None else decoded.batch.column(self._due_field).to_pylist())
        for key, value in zip(keys, values, strict=True):
            self._set(key, _Kept(value, None if value is None else next(dues)))

    def block(self) -> pa.RecordBatch:
        """Every key and its encoded record.

        Columns: `key`, `value`.
        """
        name = self.record_type.name
        refuse_open_span(self, name)
        values = pa.array(self._values.values(), pa.large_binary(), size=len(self._values))
        return new_block(KIND, name, {KEY_FIELD: pa.array(list(self._values), pa.string()), VALUE_FIELD: values})

    def load_block(self, block: pa.RecordBatch) -> None:
        """Take a block, or slices of one, into an empty state.

        Raises RestoreFailed for a block of another state, or with a record that cannot be read.
        """
        name = self.record_type.name
        metadata_of(block, KIND, name)
        refuse_other_columns(block, name, [KEY_FIELD, VALUE_FIELD])
        expected = len(self) + len(block)
        self.load(block.column("key").to_pylist(), block.column("value").to_pylist())
        refuse_repeated_keys(len(self), expected, name)

    def _replace(self, key: str, kept: _Kept) -> None:
        self._pre_images.setdefault(key, _Kept(self._values.get(key), self._due.get(key)))
        self._set(key, kept)

    def _set(self, key: str, kept: _Kept) -> None:
        self._bytes -= len(self._values.get(key, b""))
        self._due.set(key, kept.due)
        if kept.value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = kept.value
            self._bytes += len(kept.value)
