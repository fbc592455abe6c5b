"""State as records: one Avro record a key, for what is wide or rarely touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.codec import Decoder, Encoder, SchemaStore
from schemas.record_type import RecordType
from topics.errors import RestoreFailed
from topics.state.base import Changes

KEY_BYTES_ESTIMATE = 150


class RecordState:
    """The records of one partition, kept encoded; `get` decodes."""

    def __init__(self, record_type: RecordType, store: SchemaStore) -> None:
        self.record_type = record_type
        self._encoder = Encoder(record_type)
        self._decoder = Decoder(record_type, store, unknown="dlq")
        self._values: dict[str, bytes] = {}
        self._pre_images: dict[str, bytes | None] = {}
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
        return self._bytes + len(self._values) * KEY_BYTES_ESTIMATE

    def get(self, key: str) -> dict[str, Any] | None:
        """The key's record, or None."""
        value = self._values.get(key)
        if value is None:
            return None
        record: dict[str, Any] = self._decoder.decode([value]).batch.to_pylist()[0]
        return record

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Set the key's record.

        Raises SchemaError where the record does not fit its schema.
        """
        self._replace(key, self._encoder.encode(record))

    def delete(self, key: str) -> None:
        """Remove the key, where it is known."""
        if key in self._values:
            self._replace(key, None)

    def __iter__(self) -> Iterator[str]:
        """Every key, in no particular order."""
        return iter(self._values)

    def changes(self) -> Changes:
        """What the open span changed: the last value of each touched key."""
        changed = [key for key, before in self._pre_images.items() if self._values.get(key) != before]
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
        present = [value for value in values if value is not None]
        for bad in self._decoder.decode(present).bad:
            raise RestoreFailed(
                f"state {self.record_type.name}: a changelog record cannot be read: {bad.message}; run the version "
                "that wrote it, or delete the changelog topic and the group's offsets, run `lam topics apply`, and "
                "begin with empty state"
            )
        for key, value in zip(keys, values, strict=True):
            self._set(key, value)

    def _replace(self, key: str, value: bytes | None) -> None:
        self._pre_images.setdefault(key, self._values.get(key))
        self._set(key, value)

    def _set(self, key: str, value: bytes | None) -> None:
        self._bytes -= len(self._values.get(key, b""))
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value
            self._bytes += len(value)
