"""From a writer's columns to the reader's: Avro schema resolution, on whole columns.

Source: Avro specification, "Schema Resolution". Fields are matched by name and by the reader's aliases; what the
writer lacks gets the reader's default, what the reader lacks is dropped, numbers are promoted, and an enum symbol
unknown to the reader becomes the reader's default symbol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.bad import Reason, quoted
from schemas.errors import IncompatibleSchema
from schemas.record_type import RecordType
from schemas.tree import Tree, kind, nullable, schema_tree

PROMOTIONS = {
    "int": frozenset({"long", "float", "double"}),
    "long": frozenset({"float", "double"}),
    "float": frozenset({"double"}),
}


class Unresolved(NamedTuple):
    """A row whose value the reader's schema does not admit."""

    row: int
    reason: Reason
    message: str


class Resolved(NamedTuple):
    """A column in the reader's type; its value in the rows of `unresolved` means nothing."""

    column: pa.Array
    unresolved: list[Unresolved]


Step = Callable[[pa.Array], Resolved]


class Resolution:
    """How the batches of one writer become the reader's."""

    def __init__(self, writer_json: str, reader: RecordType) -> None:
        """Raises IncompatibleSchema, naming the field, where no record of the writer can become one of the reader."""
        self._schema = reader.arrow_schema
        writer = schema_tree(writer_json)
        self._columns = [
            _field_step(writer, field, self._schema.field(i).type, field["name"])
            for i, field in enumerate(reader.tree["fields"])
        ]

    def resolve(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Unresolved]]:
        """The batch in the reader's columns and order, and the rows that must not be used, the first reason of each."""
        columns: list[pa.Array] = []
        unresolved: dict[int, Unresolved] = {}
        for source, step in self._columns:
            column, refused = step(batch.column(source))
            columns.append(column)
            for entry in refused:
                unresolved.setdefault(entry.row, entry)
        resolved = pa.RecordBatch.from_arrays(columns, schema=self._schema)
        return resolved, [unresolved[row] for row in sorted(unresolved)]


def _field_step(writer: dict[str, Tree], field: dict[str, Any], target: pa.DataType, place: str) -> tuple[int, Step]:
    """The writer's column to start from, and the step to the reader's field; any column says how many defaults."""
    names = [candidate["name"] for candidate in writer["fields"]]
    for name in (field["name"], *field.get("aliases", ())):
        if name in names:
            source = names.index(name)
            return source, _step(writer["fields"][source]["type"], field["type"], target, place)
    if "default" not in field:
        raise IncompatibleSchema(
            f"found no field {place} in the writer's schema of {writer['name']}; expected one, since the reader has no "
            "default for it: give the reader's field a default"
        )
    return 0, _constant(_arrow_value(field["type"], field["default"]), target)


def _constant(value: Any, target: pa.DataType) -> Step:
    scalar = pa.scalar(value, target)
    return lambda column: Resolved(pa.repeat(scalar, len(column)), [])


def _step(writer: Tree, reader: Tree, target: pa.DataType, place: str) -> Step:
    writer_null, writer_type = nullable(writer)
    reader_null, reader_type = nullable(reader)
    inner = _inner_step(writer_type, reader_type, target, place)
    return _without_nulls(inner, place) if writer_null and not reader_null and reader_type != "null" else inner


def _inner_step(writer: Tree, reader: Tree, target: pa.DataType, place: str) -> Step:
    written, read = kind(writer), kind(reader)
    if written != read:
        if read in PROMOTIONS.get(written, ()):
            return lambda column: Resolved(pc.cast(column, target, safe=False), [])
        if written == "null" and target != pa.null():
            return _constant(None, target)
        raise _incompatible(writer, reader, place)
    if read == "enum":
        return _enum_step(writer, reader, place)
    if read == "record":
        return _record_step(writer, reader, target, place)
    if read == "array":
        return _array_step(_step(writer["items"], reader["items"], target.value_type, f"{place}[]"), target)
    if read == "map":
        return _map_step(_step(writer["values"], reader["values"], target.item_type, f"{place}{{}}"), target)
    if read == "union" and writer != reader:
        raise _incompatible(writer, reader, place)
    return lambda column: Resolved(column, [])


def _incompatible(writer: Tree, reader: Tree, place: str) -> IncompatibleSchema:
    return IncompatibleSchema(
        f"found field {place} written as {quoted(writer)}; expected a type that becomes {quoted(reader)}: write "
        "it in the reader's type, or add a new field"
    )


def _without_nulls(inner: Step, place: str) -> Step:
    message = f"found null in field {place}; expected a value, since the reader's schema no longer admits null"

    def step(column: pa.Array) -> Resolved:
        resolved, unresolved = inner(column)
        nulls = np.flatnonzero(pc.is_null(column).to_numpy(zero_copy_only=False)) if column.null_count else ()
        return Resolved(resolved, [*unresolved, *(Unresolved(int(i), Reason.UNEXPECTED_NULL, message) for i in nulls)])

    return step


def _enum_step(writer: Tree, reader: Tree, place: str) -> Step:
    _same_name(writer, reader, place)
    symbols, default = reader["symbols"], reader.get("default")
    if set(writer["symbols"]) <= set(symbols):
        return lambda column: Resolved(column, [])
    known = pa.array([*symbols, None], pa.string())

    def step(column: pa.Array) -> Resolved:
        admitted = pc.is_in(column, value_set=known)
        if default is not None:
            return Resolved(pc.if_else(admitted, column, default), [])
        refused = np.flatnonzero(~admitted.to_numpy(zero_copy_only=False))
        return Resolved(
            column, [_unknown_symbol(int(row), column[int(row)].as_py(), symbols, place) for row in refused]
        )

    return step


def _unknown_symbol(row: int, symbol: str, symbols: list[str], place: str) -> Unresolved:
    message = (
        f"found symbol {quoted(symbol)} in field {place}; expected one of {', '.join(symbols)}, as there is no default"
    )
    return Unresolved(row, Reason.UNKNOWN_SYMBOL, message)


def _record_step(writer: Tree, reader: Tree, target: pa.DataType, place: str) -> Step:
    _same_name(writer, reader, place)
    fields = [target.field(i) for i in range(target.num_fields)]
    steps = [
        _field_step(writer, field, arrow.type, f"{place}.{field['name']}")
        for field, arrow in zip(reader["fields"], fields, strict=True)
    ]

    def step(column: pa.Array) -> Resolved:
        # `field` and not `flatten`: a null record has no value in a field, and is not to be refused for it.
        absent = pc.is_null(column) if column.null_count else None
        parts = [inner(column.field(source)) for source, inner in steps]
        unresolved = [entry for part in parts for entry in part.unresolved]
        if absent is not None:
            unresolved = [entry for entry in unresolved if not absent[entry.row].as_py()]
        return Resolved(
            pa.StructArray.from_arrays([part.column for part in parts], fields=fields, mask=absent), unresolved
        )

    return step


def _array_step(items: Step, target: pa.DataType) -> Step:
    def step(column: pa.Array) -> Resolved:
        values, unresolved = items(column.values)
        rebuilt = pa.ListArray.from_arrays(column.offsets, values, type=target, mask=_absent(column))
        return Resolved(rebuilt, _of_parents(unresolved, column))

    return step


def _map_step(items: Step, target: pa.DataType) -> Step:
    def step(column: pa.Array) -> Resolved:
        values, unresolved = items(column.items)
        rebuilt = pa.MapArray.from_arrays(column.offsets, column.keys, values, type=target, mask=_absent(column))
        return Resolved(rebuilt, _of_parents(unresolved, column))

    return step


def _absent(column: pa.Array) -> pa.Array | None:
    return pc.is_null(column) if column.null_count else None


def _of_parents(unresolved: list[Unresolved], column: pa.Array) -> list[Unresolved]:
    if not unresolved:
        return []
    offsets = column.offsets.to_numpy()
    parents = np.searchsorted(offsets, [entry.row for entry in unresolved], side="right") - 1
    return [entry._replace(row=int(parent)) for entry, parent in zip(unresolved, parents, strict=True)]


def _same_name(writer: Tree, reader: Tree, place: str) -> None:
    names = {reader["name"], *reader.get("aliases", ())}
    if writer["name"].rpartition(".")[2] not in {name.rpartition(".")[2] for name in names}:
        raise IncompatibleSchema(
            f"found field {place} written as {writer['name']}; expected {reader['name']}: keep the name or add an alias"
        )


def _arrow_value(node: Tree, default: Any) -> Any:
    """A default of the schema as Arrow takes it: the entries of a map as pairs, absent nested fields by their own."""
    if default is None:
        return None
    _, inner = nullable(node)
    name = kind(inner)
    if name == "record":
        return {
            field["name"]: _arrow_value(field["type"], default.get(field["name"], field.get("default")))
            for field in inner["fields"]
        }
    if name == "array":
        return [_arrow_value(inner["items"], item) for item in default]
    if name == "map":
        return [(key, _arrow_value(inner["values"], value)) for key, value in default.items()]
    return default
