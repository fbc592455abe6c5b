from __future__ import annotations

import json
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bad import Reason
from schemas.errors import SchemaError
from schemas.record_type import RecordType, all_record_types, record_type
from schemas.validation import violations
from scripts.golden import golden_records
from tests.schemas.strategies import values

BOUNDED = RecordType(
    "bounded",
    json.dumps(
        {
            "type": "record",
            "name": "test.Bounded",
            "fields": [
                {"name": "number", "type": ["null", "int"], "minimum": -1, "maximum": 5},
                {"name": "share", "type": "double", "minimum": 0, "maximum": 1},
                {"name": "free", "type": ["null", "float"]},
                {"name": "text", "type": "string", "minLength": 1, "maxLength": 4},
                {"name": "maybe", "type": ["null", "string"], "maxLength": 3},
                {"name": "items", "type": {"type": "array", "items": "string"}, "maxItems": 2, "maxLength": 2},
                {"name": "pairs", "type": {"type": "map", "values": "string"}, "maxItems": 2, "maxLength": 2},
                {
                    "name": "nested",
                    "type": {
                        "type": "record",
                        "name": "N",
                        "fields": [{"name": "deep", "type": "long", "maximum": 9}],
                    },
                },
            ],
        }
    ),
)
GOOD: dict[str, Any] = {
    "number": 0, "share": 0.5, "free": None, "text": "a", "maybe": None, "items": [], "pairs": {},
    "nested": {"deep": 0},
}  # fmt: skip


def batch_of(kind: RecordType, records: list[dict[str, Any]]) -> pa.RecordBatch:
    rows = [{name: list(v.items()) if name in ("pairs", "attributes") else v for name, v in r.items()} for r in records]
    return pa.RecordBatch.from_pylist(rows, schema=kind.arrow_schema)


@pytest.mark.parametrize(
    ("change", "reason", "named"),
    [
        ({"number": 6}, Reason.OUT_OF_RANGE, "found 6 in field number; expected -1 to 5"),
        ({"number": -2}, Reason.OUT_OF_RANGE, "found -2 in field number"),
        ({"share": 1.5}, Reason.OUT_OF_RANGE, "found 1.5 in field share"),
        ({"share": math.nan}, Reason.NOT_FINITE, "found nan in field share"),
        ({"share": -math.inf}, Reason.NOT_FINITE, "found -inf in field share"),
        ({"free": math.inf}, Reason.NOT_FINITE, "found inf in field free"),
        ({"text": ""}, Reason.TOO_SHORT, "found 0 bytes in field text"),
        ({"text": "ééé"}, Reason.TOO_LONG, "found 6 bytes in field text ('ééé'); expected 1 to 4 bytes"),
        ({"maybe": "abcd"}, Reason.TOO_LONG, "expected at most 3 bytes"),
        ({"items": ["a"] * 3}, Reason.TOO_MANY_ITEMS, "found 3 entries in field items; expected at most 2"),
        ({"items": ["a", "abc"]}, Reason.TOO_LONG, "an item of field items ('abc')"),
        ({"pairs": {"a": "b", "c": "d", "e": "f"}}, Reason.TOO_MANY_ITEMS, "3 entries in field pairs"),
        ({"pairs": {"abc": ""}}, Reason.TOO_LONG, "a key of field pairs ('abc')"),
        ({"pairs": {"": "abc"}}, Reason.TOO_LONG, "a value of field pairs ('abc')"),
        ({"nested": {"deep": 10}}, Reason.OUT_OF_RANGE, "field nested.deep; expected at most 9"),
        ({"maybe": "abcd", "number": 6}, Reason.OUT_OF_RANGE, "field number"),
        ({"maybe": "x" * 500}, Reason.TOO_LONG, "('" + "x" * 78 + "…)"),
        ({"text": "a\0b"}, Reason.NUL_CHARACTER, "found a NUL in field text ('a\\x00b'); expected an id without"),
        ({"maybe": "a\nb\x00"}, Reason.TOO_LONG, "('a\\nb\\x00')"),
    ],
)
def test_each_violation_has_its_reason_and_message(change: dict[str, Any], reason: Reason, named: str) -> None:
    """A row that breaks a constraint is named by its first violation: found, expected, field."""
    batch = batch_of(BOUNDED, [GOOD, GOOD | change, GOOD])
    for where, rows in ((batch, [1]), (batch.slice(1), [0]), (batch.slice(2), [])):
        found = violations(where, BOUNDED)
        assert [bad.index for bad in found] == rows
        assert all(bad.reason is reason and named in bad.message for bad in found)


@given(st.lists(st.fixed_dictionaries({field["name"]: values(field["type"]) for field in BOUNDED.tree["fields"]})))
def test_violations_are_those_of_a_plain_check(records: list[dict[str, Any]]) -> None:
    """Over any batch the rows named are those that a plain check of each value names."""
    assert [bad.index for bad in violations(batch_of(BOUNDED, records), BOUNDED)] == [
        i for i, entry in enumerate(records) if not _admitted(entry)
    ]


def _admitted(entry: dict[str, Any]) -> bool:
    def short(text: str, most: int) -> bool:
        return len(text.encode()) <= most

    return (
        (entry["number"] is None or -1 <= entry["number"] <= 5)
        and 0 <= entry["share"] <= 1
        and (entry["free"] is None or math.isfinite(entry["free"]))
        and entry["text"] != "" and "\0" not in entry["text"] and short(entry["text"], 4)
        and (entry["maybe"] is None or short(entry["maybe"], 3))
        and len(entry["items"]) <= 2 and all(short(item, 2) for item in entry["items"])
        and len(entry["pairs"]) <= 2 and all(short(k, 2) and short(v, 2) for k, v in entry["pairs"].items())
        and entry["nested"]["deep"] <= 9
    )  # fmt: skip


@pytest.mark.parametrize("kind", all_record_types(), ids=lambda kind: kind.name)
def test_records_at_their_bounds_are_admitted(kind: RecordType) -> None:
    """Every bound is inclusive: the golden records, which sit on them, break none."""
    assert violations(batch_of(kind, golden_records(kind)), kind) == []


def test_a_sum_that_overflows_is_no_violation() -> None:
    """Finite values whose sum is not are admitted."""
    kind = RecordType("wide", '{"type": "record", "name": "W", "fields": [{"name": "f", "type": "double"}]}')
    assert violations(batch_of(kind, [{"f": 1.7e308}] * 3), kind) == []


def test_what_lies_under_a_null_is_not_looked_at() -> None:
    """The entries that Arrow may keep under a null list break nothing."""
    field = {"name": "f", "type": ["null", {"type": "array", "items": "string"}], "maxItems": 1, "maxLength": 1}
    kind = RecordType("maybe", json.dumps({"type": "record", "name": "M", "fields": [field]}))
    hidden = pa.ListArray.from_arrays(
        pa.array([0, 2, 3], pa.int32()), pa.array(["long", "x", "y"]), mask=pa.array([True, False])
    )
    assert violations(pa.RecordBatch.from_arrays([hidden], ["f"]), kind) == []
    shown = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), pa.array(["long", "x", "y"]))
    assert [bad.index for bad in violations(pa.RecordBatch.from_arrays([shown], ["f"]), kind)] == [0]


def test_a_batch_without_rows_breaks_nothing() -> None:
    """An empty batch, and one of nulls only, have no violations."""
    assert violations(batch_of(BOUNDED, []), BOUNDED) == []
    assert violations(batch_of(BOUNDED, [GOOD | {"number": None}]), BOUNDED) == []


@pytest.mark.parametrize(
    "field",
    [
        {"name": "f", "type": "string", "minimum": 1},
        {"name": "f", "type": "long", "maxLength": 1},
        {"name": "f", "type": {"type": "array", "items": "long"}, "maxLength": 1},
        {"name": "f", "type": {"type": "array", "items": {"type": "record", "name": "I", "fields": [
            {"name": "x", "type": "long", "minimum": 0}]}}},
    ],
)  # fmt: skip
def test_a_constraint_that_would_not_be_checked_is_refused(field: dict[str, Any]) -> None:
    """An attribute that says nothing about its type, or sits inside an element, is an error of the schema."""
    with pytest.raises(SchemaError, match="field f"):
        _ = RecordType("x", json.dumps({"type": "record", "name": "X", "fields": [field]})).constraints


def test_constraints_are_those_of_the_avsc() -> None:
    """The constraints of a field are its attributes in the avsc, in the order of the fields."""
    by_field = {constraint.field: constraint for constraint in record_type("session-event").constraints}
    assert by_field["containers"].max_items == 64
    assert by_field["containers"].max_length == 40
    assert by_field["scroll_depth"].minimum == 0
    assert by_field["scroll_depth"].maximum == 1
    assert by_field["event_id"].min_length == 1
    assert list(by_field)[:2] == ["event_id", "site_id"]
