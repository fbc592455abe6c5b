from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.compatibility import Compatibility, check_compatibility, unreadable
from schemas.errors import IncompatibleSchema
from schemas.record_type import all_record_types

BACKWARD, FULL = Compatibility.BACKWARD_TRANSITIVE, Compatibility.FULL_TRANSITIVE


def schema(*fields: dict[str, Any], name: str = "R") -> str:
    return json.dumps({"type": "record", "name": name, "namespace": "test", "fields": fields})


def enum(*symbols: str, **more: str) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": symbols, **more}


def inner(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "I", "fields": fields}


A = {"name": "a", "type": "int"}
B_DEFAULT = {"name": "b", "type": ["null", "string"], "default": None}
B = {"name": "b", "type": "string"}


@pytest.mark.parametrize(
    ("today", "past"),
    [
        (schema(A), schema(A)),
        (schema(A, B_DEFAULT), schema(A)),
        (schema({"name": "a", "type": ["null", "int"]}), schema(A)),
        (schema({"name": "a", "type": "double"}), schema(A)),
        (schema({"name": "a2", "type": "int", "aliases": ["a"]}), schema(A)),
        (schema({"name": "e", "type": enum("x", default="x")}), schema({"name": "e", "type": enum("x", "y")})),
        (schema({"name": "i", "type": inner(A, B_DEFAULT)}), schema({"name": "i", "type": inner(A, B)})),
    ],
)
def test_a_change_that_readers_bear_is_backward_compatible(today: str, past: str) -> None:
    """Defaults, wider types, aliases and default symbols keep the past readable."""
    check_compatibility(today, [past], BACKWARD)


@pytest.mark.parametrize(
    ("today", "past", "named"),
    [
        (schema(A, B), schema(A), "field b is not written and has no default"),
        (schema(A), schema({"name": "a", "type": "long"}), "field a, written as .*long.*: type mismatch"),
        (schema(A), schema({"name": "a", "type": ["null", "int"]}), "field a, written as"),
        (schema({"name": "e", "type": enum("x")}), schema({"name": "e", "type": enum("y")}), "field e, .*enum symbols"),
        (schema({"name": "i", "type": inner(A, B)}), schema({"name": "i", "type": inner(A)}), "field i.b is not"),
        (schema(A, name="S"), schema(A), "test.S to the reader and test.R to the writer"),
        (schema(A, {"name": "i", "type": ["null", inner(A, B)]}),
         schema(A, {"name": "i", "type": ["null", inner(A)]}), "field i, "),
    ],
)  # fmt: skip
def test_a_change_that_breaks_readers_is_named_by_field(today: str, past: str, named: str) -> None:
    """A change under which the past cannot be read is refused, and the message names the field."""
    with pytest.raises(IncompatibleSchema, match=named):
        check_compatibility(today, [past], BACKWARD)


def test_every_past_version_counts() -> None:
    """The promise is transitive: a version before the last can break it, and is named by its fingerprint."""
    today, last, first = schema(A, B), schema(A, B), schema(A)
    check_compatibility(today, [last], BACKWARD)
    with pytest.raises(IncompatibleSchema, match=r"version [0-9a-f]{16}: today's readers cannot read it"):
        check_compatibility(today, [last, first], BACKWARD)


def test_full_also_protects_the_readers_of_the_past() -> None:
    """A field dropped that past readers need is backward compatible, and not fully so."""
    check_compatibility(schema(A), [schema(A, B)], BACKWARD)
    with pytest.raises(IncompatibleSchema, match="its readers cannot read today's: field b is not written"):
        check_compatibility(schema(A), [schema(A, B)], FULL)
    check_compatibility(schema(A, B_DEFAULT), [schema(A)], FULL)


@pytest.mark.parametrize("kind", all_record_types(), ids=lambda kind: kind.name)
def test_a_schema_reads_itself(kind: Any) -> None:
    """Every record type is readable by itself."""
    assert unreadable(kind.schema_json, kind.schema_json) == []
