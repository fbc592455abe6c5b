"""The record types of the package: what its avsc folder defines, read once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyruhvro

from schemas.constraints import Constraint, constraints
from schemas.errors import SchemaError
from schemas.tree import Tree, schema_fingerprint, schema_tree

if TYPE_CHECKING:
    from importlib.abc import Traversable

AVSC_SUFFIX = ".avsc"


@dataclass(frozen=True, eq=False)
class RecordType:
    """One kind of record, by its reader's schema.

    `name` is the name of its file and topic ("session-event"), `full_name` that of its Avro record
    ("lamstream.SessionEvent"), `fingerprint` the 8 bytes that stand for the schema in front of a record (CRC-64-AVRO of
    the Parsing Canonical Form, little-endian). Two record types are the same only if they are the same object.
    """

    name: str
    schema_json: str = field(repr=False)

    @cached_property
    def tree(self) -> dict[str, Tree]:
        """The schema with every named type in place (`schemas.tree`)."""
        return schema_tree(self.schema_json)

    @cached_property
    def full_name(self) -> str:
        return str(self.tree["name"])

    @cached_property
    def fingerprint(self) -> bytes:
        return schema_fingerprint(self.schema_json)

    @cached_property
    def arrow_schema(self) -> pa.Schema:
        """The columns of a decoded batch, in the order of the fields; enums are strings."""
        return pyruhvro.avro_to_arrow_schema(self.schema_json)

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """What the fields admit beyond their type, in the order of the fields."""
        return tuple(constraints(self.tree))

    def field_named(self, name: str) -> dict[str, Any]:
        """The top-level field of that name with all its attributes. Raises SchemaError where there is none."""
        for entry in self.tree["fields"]:
            if entry["name"] == name:
                return dict(entry)
        names = ", ".join(entry["name"] for entry in self.tree["fields"])
        raise SchemaError(f"found no field {name} in {self.full_name}; expected one of {names}")


@cache
def record_type(name: str) -> RecordType:
    """The record type of that name, loaded once. Raises SchemaError where the package has none, or a broken one."""
    names = _names()
    if name not in names:
        raise SchemaError(f"found no record type {name!r}; expected one of {', '.join(names)}")
    loaded = RecordType(name, _folder().joinpath(name + AVSC_SUFFIX).read_text(encoding="utf-8"))
    # A broken file is reported here, where its name is known, rather than at the first record.
    _ = loaded.fingerprint, loaded.arrow_schema, loaded.constraints
    return loaded


@lru_cache(maxsize=1)
def all_record_types() -> tuple[RecordType, ...]:
    """Every record type of the package, by name."""
    return tuple(record_type(name) for name in _names())


def _folder() -> Traversable:
    return resources.files("schemas").joinpath("avsc")


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    files = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(name.removesuffix(AVSC_SUFFIX) for name in files if name.endswith(AVSC_SUFFIX)))
