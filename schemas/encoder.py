"""Records and record batches to framed Avro values."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyruhvro
from fastavro import parse_schema, schemaless_writer
from fastavro.validation import validate

from schemas.bad import quoted
from schemas.errors import UnfitRecord
from schemas.framing import Framing, SingleObjectFraming
from schemas.record_type import RecordType
from schemas.tree import Tree, kind, nullable

BY_COLUMNS = 32
"""From this many records on, gathering them as columns takes less time than encoding one by one."""


class Encoder:
    """Writes records of one type with the package's schema. Ranges and lengths are a matter of `schemas.validation`."""

    def __init__(self, record_type: RecordType, framing: Framing | None = None) -> None:
        self._record_type = record_type
        self._header = (framing or SingleObjectFraming()).header(record_type.fingerprint)
        self._schema_json = record_type.schema_json
        self._parsed = parse_schema(record_type.tree)

    def encode(self, record: Mapping[str, Any]) -> bytes:
        """One framed value. A field may be left out where it has a default.

        Raises UnfitRecord, naming the field, for a missing value, one of another type, and a field the schema has not.
        """
        out = io.BytesIO()
        out.write(self._header)
        try:
            schemaless_writer(out, self._parsed, dict(record), strict_allow_default=True)
        except (ValueError, TypeError, OverflowError, AttributeError, KeyError) as error:
            found = _misfit(record, self._record_type.tree, "") or str(error)
            raise UnfitRecord(f"{found}: correct the record of {self._record_type.full_name}") from error
        return out.getvalue()

    def encode_strictly(self, record: Mapping[str, Any]) -> bytes:
        """As `encode`, and a boolean is no number, nor a fraction a whole one: for what people write by hand.

        Raises UnfitRecord.
        """
        found = _misfit(record, self._record_type.tree, "")
        if found is not None:
            raise UnfitRecord(found)
        return self.encode(record)

    def encode_all(self, records: Sequence[Mapping[str, Any]]) -> list[bytes]:
        """The values of `encode` for each record, in their order; many take half the time or less each.

        Raises UnfitRecord as `encode` does.
        """
        if len(records) >= BY_COLUMNS:
            try:
                return self.encode_batch(self._gathered(records))
            except (KeyError, UnfitRecord, pa.ArrowException, TypeError, ValueError, OverflowError):
                pass  # One by one the record and its field are named, or fit after all.
        return [self.encode(record) for record in records]

    def _gathered(self, records: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """The records as columns. Raises KeyError for a field that is left out, or that the schema has not."""
        schema, fields = self._record_type.arrow_schema, self._record_type.tree["fields"]
        defaults = {field["name"]: field["default"] for field in fields if "default" in field}
        extra = {name for record in records for name in record} - set(schema.names)
        if extra:
            raise KeyError(*extra)
        columns = []
        for field in schema:
            name = field.name
            if name in defaults:
                default = defaults[name]
                values = [record.get(name, default) for record in records]
            else:
                values = [record[name] for record in records]
            columns.append(pa.array(values, field.type))
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def encode_batch(self, batch: pa.RecordBatch) -> list[bytes]:
        """A framed value for each row of a batch that holds the columns of `arrow_schema`, in any order.

        Raises UnfitRecord, naming the column, for a column that is missing or of another type, a null or a symbol that
        the schema does not admit. Columns the schema has not are left out.
        """
        columns = [self._column(batch, field) for field in self._record_type.tree["fields"]]
        fitted = pa.RecordBatch.from_arrays(columns, schema=self._record_type.arrow_schema)
        if not fitted.num_rows:
            return []
        try:
            chunks = pyruhvro.serialize_record_batch(fitted, self._schema_json, 1)
        except ValueError as error:
            raise UnfitRecord(
                f"found a batch that does not encode ({error}); expected {self._record_type.full_name}: correct it"
            ) from error
        header = self._header
        return [header + payload for chunk in chunks for payload in chunk.to_pylist()]

    def _column(self, batch: pa.RecordBatch, field: dict[str, Any]) -> pa.Array:
        name, expected = field["name"], self._record_type.arrow_schema.field(field["name"]).type
        at = batch.schema.get_field_index(name)
        if at < 0:
            raise UnfitRecord(f"found no column {name} in the batch; expected one of type {expected}: add it")
        column = batch.column(at)
        if not column.type.equals(expected):
            raise UnfitRecord(f"found column {name} of type {column.type}; expected {expected}: cast it")
        _refuse_nulls(column, field["type"], name)
        return column


def _refuse_nulls(column: pa.Array, node: Tree, place: str) -> None:
    """The batch encoder writes a null as an empty value where the schema admits none, so it must not see one."""
    admits_null, inner = nullable(node)
    if column.null_count and not admits_null and kind(node) not in ("null", "union"):
        raise UnfitRecord(
            f"found {column.null_count} null in column {place}; expected a {kind(node)} in every row: fill it"
        )
    name = kind(inner)
    if name == "record":
        # Below a null record every field is null, and none of them is written.
        children = column.drop_null().flatten()
        for field, child in zip(inner["fields"], children, strict=True):
            _refuse_nulls(child, field["type"], f"{place}.{field['name']}")
    elif name == "array":
        _refuse_nulls(column.flatten(), inner["items"], f"{place}[]")
    elif name == "map":
        # Unlike a list's `flatten`, `items` holds also what lies outside of a slice.
        first, last = (column.offsets[at].as_py() for at in (0, -1))
        _refuse_nulls(column.items[first:last], inner["values"], f"{place}{{}}")


def _misfit(record: Any, tree: dict[str, Tree], place: str) -> str | None:
    """What is wrong with the first field that does not fit, or None."""
    if not isinstance(record, Mapping):
        return f"found {quoted(record)} in {place or 'place of a record'}; expected a mapping of {tree['name']}"
    for field in tree["fields"]:
        here = f"{place}.{field['name']}" if place else field["name"]
        fault = _field_misfit(record, field, here)
        if fault:
            return fault
    extra = record.keys() - {field["name"] for field in tree["fields"]}
    if extra:
        return f"found field {quoted(min(extra, key=str))}; expected only the fields of {tree['name']}"
    return None


def _field_misfit(record: Mapping[str, Any], field: dict[str, Any], place: str) -> str | None:
    if field["name"] not in record:
        return None if "default" in field else f"found no field {place}; expected a {_expected(field['type'])}"
    value = record[field["name"]]
    admits_null, inner = nullable(field["type"])
    if value is None and admits_null:
        return None
    if kind(inner) == "record":
        return _misfit(value, inner, place)
    if not validate(value, inner, raise_errors=False) or not _is_text(value):
        return f"found {quoted(value)} in field {place}; expected a {_expected(inner)}"
    return None


def _is_text(value: object) -> bool:
    """Whether every text within can be encoded; a lone surrogate cannot."""
    texts = [value] if isinstance(value, str) else []
    if isinstance(value, Mapping):
        texts = [text for text in (*value.keys(), *value.values()) if isinstance(text, str)]
    elif isinstance(value, (list, tuple)):
        texts = [text for text in value if isinstance(text, str)]
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _expected(node: Tree) -> str:
    _, inner = nullable(node)
    return f"symbol of {', '.join(inner['symbols'])}" if kind(inner) == "enum" else kind(inner)
