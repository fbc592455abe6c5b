from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.bad import Reason
from schemas.codec import Decoded, Decoder, SchemaStore
from schemas.framing import SingleObjectFraming
from schemas.record_type import RecordType
from tests.schemas import reference
from tests.schemas.strategies import as_records, values

FRAMING = SingleObjectFraming()


def schema(*fields: tuple[Any, ...]) -> str:
    """A record of fields given as (name, type) or (name, type, further attributes)."""
    rows = [{"name": field[0], "type": field[1], **(field[2] if len(field) > 2 else {})} for field in fields]
    return json.dumps({"type": "record", "name": "test.R", "fields": rows})


def enum(name: str, symbols: str, **more: str) -> dict[str, Any]:
    return {"type": "enum", "name": f"test.{name}", "symbols": symbols.split(), **more}


def record(name: str, *fields: tuple[Any, ...]) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(schema(*fields))
    return {**made, "name": f"test.{name}"}


OLD = schema(
    ("gone", "string"),
    ("int_long", "int"), ("int_float", "int"), ("int_double", "int"), ("long_float", "long"), ("long_double", "long"),
    ("float_double", "float"), ("nullable_int_long", ["null", "int"]), ("became_nullable", "string"),
    ("old_name", "boolean"),
    ("color", enum("Color", "red green blue")),
    ("tone", ["null", enum("Tone", "low mid high")]),
    ("inner", record("Inner", ("a", "int"), ("gone", "string"))),
    ("maybe_inner", ["null", record("Maybe", ("shade", enum("Shade", "x y")), ("n", "int"))]),
    ("numbers", {"type": "array", "items": "int"}),
    ("inners", {"type": "array", "items": record("Item", ("kind", enum("Kind", "k l m")))}),
    ("by_name", {"type": "map", "values": ["null", "int"]}),
    ("null_first", ["null", "string"]),
)  # fmt: skip
NEW = schema(
    ("by_name", {"type": "map", "values": ["null", "double"]}),
    ("added_text", "string", {"default": "é"}), ("added_null", ["null", "long"], {"default": None}),
    ("added_list", {"type": "array", "items": "string"}, {"default": ["a", "b"]}),
    ("added_map", {"type": "map", "values": "long"}, {"default": {"k": 1}}),
    ("added_record", record("Added", ("x", "int"), ("y", enum("Side", "L R"))), {"default": {"x": 3, "y": "R"}}),
    ("int_long", "long"), ("int_float", "float"), ("int_double", "double"), ("long_float", "float"),
    ("long_double", "double"), ("float_double", "double"), ("nullable_int_long", ["null", "long"]),
    ("became_nullable", ["null", "string"]),
    ("new_name", "boolean", {"aliases": ["old_name"]}),
    ("color", enum("Color", "green red other", default="other")),
    ("tone", ["null", enum("Tone", "low none", default="none")]),
    ("inner", record("Inner", ("b", "long", {"default": 5}), ("a", "long"))),
    ("maybe_inner", ["null", record("Maybe", ("n", "long"), ("shade", enum("Shade", "y z", default="z")))]),
    ("numbers", {"type": "array", "items": "long"}),
    ("inners", {"type": "array", "items": record("Item", ("kind", enum("Kind", "m n", default="n")))}),
    ("null_first", ["string", "null"]),
)  # fmt: skip


def decoded(writer: str, reader: str, *records: dict[str, Any]) -> Decoded:
    store = SchemaStore()
    fingerprint = store.add(writer)
    sent = [FRAMING.frame(fingerprint, reference.write(writer, entry)) for entry in records]
    return Decoder(RecordType("r", reader), store).decode(sent)


@settings(max_examples=100)
@given(st.data())
def test_old_records_are_read_as_fastavro_reads_them(data: st.DataObject) -> None:
    """Defaults, order, dropped and renamed fields, promotions and default symbols are as fastavro resolves them."""
    kind = RecordType("old", OLD)
    records = data.draw(st.lists(values(kind.tree), min_size=1, max_size=4))
    result = decoded(OLD, NEW, *records)
    reader = RecordType("new", NEW)
    assert result.bad == []
    assert result.batch.schema.equals(reader.arrow_schema)
    result.batch.validate(full=True)
    expected = [reference.read(reference.write(OLD, entry), OLD, NEW)[0] for entry in records]
    actual = result.batch.to_pylist()
    assert repr(_as_float32(as_records(actual, reader.tree))) == repr(_as_float32(as_records(expected, reader.tree)))


def _as_float32(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """fastavro keeps the double of a number promoted to float."""
    return [
        {**entry, **{name: float(np.float32(entry[name])) for name in ("int_float", "long_float")}} for entry in records
    ]


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_records_of_several_writers_keep_their_order(versions: list[bool], data: st.DataObject) -> None:
    """A batch of old and new records holds them in the order in which they came."""
    old, new = schema(("n", "int")), schema(("added", "string", {"default": ""}), ("n", "long"))
    store = SchemaStore()
    ids = {False: (store.add(old), old), True: (store.add(new), new)}
    sent: list[bytes | None] = []
    for i, version in enumerate(versions):
        fingerprint, written = ids[version]
        sent.append(FRAMING.frame(fingerprint, reference.write(written, {"n": i, "added": "x"})))
    hurt = data.draw(st.integers(0, len(sent) - 1))
    sent[hurt] = b"junk"
    result = Decoder(RecordType("new", new), store).decode(sent)
    assert result.batch.column("n").to_pylist() == result.rows.tolist()
    assert result.rows.tolist() == [i for i in range(len(sent)) if i != hurt]
    assert [entry.index for entry in result.bad] == [hurt]


def test_a_symbol_unknown_to_a_reader_without_default_is_bad() -> None:
    """Only the records that hold the unknown symbol are refused, at any depth, and the message names the field."""
    shape = [("e", enum("E", "a b c")), ("l", {"type": "array", "items": enum("F", "x y")})]
    writer = schema(*shape)
    reader = schema(("e", enum("E", "a b")), ("l", {"type": "array", "items": enum("F", "y")}))
    rows = [{"e": "a", "l": []}, {"e": "c", "l": ["y"]}, {"e": "b", "l": ["y", "x"]}, {"e": "b", "l": ["y", "y"]}]
    result = decoded(writer, reader, *rows)
    assert result.rows.tolist() == [0, 3]
    assert result.batch.to_pylist() == [rows[0], rows[3]]
    assert [(entry.index, entry.reason) for entry in result.bad] == [
        (1, Reason.UNKNOWN_SYMBOL),
        (2, Reason.UNKNOWN_SYMBOL),
    ]
    assert "'c' in field e" in result.bad[0].message
    assert "'x' in field l[]" in result.bad[1].message


def test_a_null_where_the_reader_admits_none_is_bad() -> None:
    """Records without a value for a field that is no longer nullable are refused one by one."""
    result = decoded(schema(("n", ["null", "int"])), schema(("n", "long")), {"n": 1}, {"n": None}, {"n": 2})
    assert result.batch.column("n").to_pylist() == [1, 2]
    assert [(entry.index, entry.reason) for entry in result.bad] == [(1, Reason.UNEXPECTED_NULL)]


@pytest.mark.parametrize(
    ("writer", "reader", "named"),
    [
        (schema(("a", "int")), schema(("a", "int"), ("b", "int")), "no field b .* has no default"),
        (schema(("a", "long")), schema(("a", "int")), "field a written as 'long'"),
        (schema(("a", record("I", ("x", "int")))), schema(("a", record("I", ("x", "string")))), "field a.x"),
        (schema(("a", ["int", "string"])), schema(("a", ["long", "string"])), "field a"),
        (schema(("a", enum("E", "x"))), schema(("a", enum("F", "x"))), "field a written as test.E"),
    ],
)
def test_an_incompatible_writer_makes_its_records_bad(writer: str, reader: str, named: str) -> None:
    """Records of a known schema that cannot become the reader's are bad, and the message names the field."""
    kind = RecordType("w", writer)
    store = SchemaStore()
    sent: list[bytes | None] = [FRAMING.frame(store.add(writer), b"anything") for _ in range(2)]
    result = Decoder(RecordType("r", reader), store).decode(sent)
    assert [entry.reason for entry in result.bad] == [Reason.INCOMPATIBLE_SCHEMA] * 2
    assert re.search(named, result.bad[0].message)
    assert kind.fingerprint.hex() in result.bad[0].message
