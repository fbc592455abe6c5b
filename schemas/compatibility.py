"""Whether a schema keeps its promise to every past version of itself.

The rules of Avro schema resolution are those of the `avro` package; here its answers get the names of the fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

from schemas.bad import quoted
from schemas.errors import IncompatibleSchema
from schemas.tree import schema_fingerprint


class Compatibility(str, Enum):
    """What a record type promises; the names are those of the schema registries."""

    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    """Today's readers read what was written with any past version: for what producers write."""
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    """And readers of any past version read what is written today: for internal topics and changelogs, on which old and
    new workers run side by side in an upgrade."""


def check_compatibility(schema_json: str, past: Iterable[str], promise: Compatibility) -> None:
    """Raise IncompatibleSchema, naming every field that breaks the promise towards a past version; else return."""
    broken = []
    for version in past:
        faults = [f"today's readers cannot read it: {fault}" for fault in unreadable(schema_json, version)]
        if promise is Compatibility.FULL_TRANSITIVE:
            faults += [f"its readers cannot read today's: {fault}" for fault in unreadable(version, schema_json)]
        broken += [f"version {schema_fingerprint(version).hex()}: {fault}" for fault in faults]
    if broken:
        raise IncompatibleSchema(
            f"found a schema that breaks {promise.value}; expected every past version to get along with it: "
            + "; ".join(broken)
            + ": give new fields a default, keep types and names, or define a new record type"
        )


def unreadable(reader_json: str, writer_json: str) -> list[str]:
    """What a reader cannot read of a writer's records, a sentence a field, empty where it reads them all."""
    return list(_record_faults(avro.schema.parse(reader_json), avro.schema.parse(writer_json), ""))


def _record_faults(reader: Any, writer: Any, place: str) -> Iterator[str]:
    if _names(reader).isdisjoint({writer.fullname, writer.name}):
        yield f"{place or 'the record'} is {reader.fullname} to the reader and {writer.fullname} to the writer"
        return
    for field in reader.fields:
        here = f"{place}.{field.name}" if place else field.name
        written = next((other for other in writer.fields if other.name in _names(field)), None)
        if written is not None:
            yield from _type_faults(field.type, written.type, here)
        elif not field.has_default:
            yield f"field {here} is not written and has no default"


def _type_faults(reader: Any, writer: Any, place: str) -> Iterator[str]:
    if reader.type == writer.type == "record":
        yield from _record_faults(reader, writer, place)
        return
    # A checker remembers by identity, and forgets nothing: one for each question.
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is not SchemaCompatibilityType.compatible:
        kinds = ", ".join(sorted({fault.value.replace("_", " ") for fault in result.incompatibilities}))
        details = "; ".join(sorted(result.messages))
        yield f"field {place}, written as {quoted(str(writer))}, read as {quoted(str(reader))}: {kinds} ({details})"


def _names(named: Any) -> set[str]:
    """The names a reader's record or field goes by: its own and its aliases."""
    aliases = named.props.get("aliases") or ()
    return {named.name, getattr(named, "fullname", named.name), *aliases}
