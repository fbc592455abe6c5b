"""The errors of the project.

    LamstreamError              root: everything this project raises on purpose
    ├── SchemaError             a schema, or a record offered to one, that cannot be used as it stands
    │   ├── IncompatibleSchema  a schema that breaks the promise made to readers or writers of its past versions
    │   └── UnfitRecord         a record that its own schema does not admit
    └── UnknownSchema           a schema that is not here yet, and may arrive: look it up and try again

Other packages hang their own errors under the root, beside the code that raises them.
"""

from __future__ import annotations


class LamstreamError(Exception):
    """Root of the tree."""


class SchemaError(LamstreamError):
    """A schema or a record cannot be used as it stands; trying again does not help."""


class IncompatibleSchema(SchemaError):
    """A schema breaks the compatibility promised for its record type; the message names every field that does."""


class UnfitRecord(SchemaError):
    """A record does not fit the schema it is to be written with; the message names the field."""


class UnknownSchema(LamstreamError):
    """No schema is known for a fingerprint; it may still arrive from the schemas topic or the registry."""

    def __init__(self, fingerprint: bytes) -> None:
        self.fingerprint = fingerprint
        super().__init__(
            f"found a record written with schema {fingerprint.hex()}, which is not known here; expected one of this "
            "package or one added to the store: publish the writer's schema, then read the record again"
        )
