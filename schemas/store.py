"""The schemas that records may have been written with, by fingerprint."""

from __future__ import annotations

from schemas.errors import UnknownSchema
from schemas.record_type import all_record_types
from schemas.tree import schema_fingerprint, schema_tree


class SchemaStore:
    """Fingerprint -> writer's schema; holds every schema of the package from the start.

    Schemas are only added, never replaced: a fingerprint stands for one canonical form for good. Not locked: one
    thread adds and decodes, or the caller sees to it.
    """

    def __init__(self) -> None:
        self._schemas = {known.fingerprint: known.schema_json for known in all_record_types()}

    def add(self, schema_json: str) -> bytes:
        """Take a writer's schema in and return its fingerprint (8 bytes, little-endian CRC-64-AVRO).

        Raises SchemaError where records of it cannot be decoded (`schemas.tree.schema_tree`).
        """
        schema_tree(schema_json)
        fingerprint = schema_fingerprint(schema_json)
        self._schemas.setdefault(fingerprint, schema_json)
        return fingerprint

    def get(self, fingerprint: bytes) -> str:
        """The writer's schema as JSON. Raises UnknownSchema where it is not here (yet)."""
        try:
            return self._schemas[fingerprint]
        except KeyError:
            raise UnknownSchema(fingerprint) from None

    def __contains__(self, fingerprint: bytes) -> bool:
        return fingerprint in self._schemas
