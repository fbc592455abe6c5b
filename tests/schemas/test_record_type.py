from __future__ import annotations

import json
from importlib import resources

import pytest

from schemas import vocabulary
from schemas.errors import LamstreamError, SchemaError, UnknownSchema
from schemas.record_type import RecordType, all_record_types, record_type
from schemas.store import SchemaStore
from schemas.tree import canonical_form


def test_every_avsc_is_a_record_type_under_the_name_of_its_file() -> None:
    """Each avsc file is a record type, loaded once."""
    files = {entry.name for entry in resources.files("schemas").joinpath("avsc").iterdir()}
    assert {f"{kind.name}.avsc" for kind in all_record_types()} == files
    assert record_type("session-event") is record_type("session-event")
    assert record_type("session-event").full_name == "lamstream.SessionEvent"


def test_columns_are_the_fields_in_their_order() -> None:
    """The Arrow columns of a record type are the fields of its schema, in order."""
    for kind in all_record_types():
        assert kind.arrow_schema.names == [field["name"] for field in json.loads(kind.schema_json)["fields"]]


def test_a_name_without_a_schema_is_refused_with_those_there_are() -> None:
    """An unknown record type or field is refused, and the message lists what there is."""
    with pytest.raises(
        SchemaError, match=r"no record type 'sesion-event'; expected one of arm-posterior, .*session-event, "
    ):
        record_type("sesion-event")
    with pytest.raises(SchemaError, match=r"no field sight_id in lamstream.SiteDelta; expected one of site_id"):
        record_type("site-delta").field_named("sight_id")


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '"long"', '{"type": "record"}', '{"type": "array", "items": "long"}', "3"]
)
def test_what_is_no_record_schema_is_refused(text: str) -> None:
    """Text that is no JSON, no Avro or no record is refused as a schema."""
    with pytest.raises(SchemaError, match="expected"):
        _ = RecordType("broken", text).tree


def test_vocabularies_are_the_symbols_of_the_avsc() -> None:
    """A symbol's code is its place in the avsc, and a symbol that is not there is refused."""
    fields = {field["name"]: field for field in json.loads(record_type("session-event").schema_json)["fields"]}
    assert tuple(fields["type"]["type"]["symbols"]) == vocabulary.EVENT_TYPES
    assert tuple(fields["page_type"]["type"]["symbols"]) == vocabulary.PAGE_TYPES
    assert vocabulary.code(vocabulary.EVENT_TYPES, "click") == fields["type"]["type"]["symbols"].index("click")
    with pytest.raises(SchemaError, match="'klick'; expected one of page_view"):
        vocabulary.code(vocabulary.EVENT_TYPES, "klick")
    with pytest.raises(SchemaError, match="page_id of session-event with type string; expected an enum"):
        vocabulary.symbols("session-event", "page_id")


def test_the_store_holds_the_package_and_what_is_added() -> None:
    """A store knows every schema of the package, takes others in by fingerprint, and says which it lacks."""
    store = SchemaStore()
    assert all(store.get(kind.fingerprint) == kind.schema_json for kind in all_record_types())
    added = '{"type": "record", "name": "X", "fields": []}'
    assert added not in (store.get(kind.fingerprint) for kind in all_record_types())
    fingerprint = RecordType("x", added).fingerprint
    assert fingerprint not in store
    with pytest.raises(UnknownSchema, match=fingerprint.hex()):
        store.get(fingerprint)
    assert store.add(added) == fingerprint
    assert store.get(fingerprint) == added
    with pytest.raises(SchemaError, match="bytes"):
        store.add('{"type": "record", "name": "X", "fields": [{"name": "f", "type": "bytes"}]}')


def test_a_fingerprint_is_of_the_canonical_form() -> None:
    """Docs, defaults and constraints do not change a schema's fingerprint, names and types do."""
    kind = record_type("session-event")
    assert RecordType("bare", canonical_form(kind.schema_json)).fingerprint == kind.fingerprint
    assert RecordType("other", kind.schema_json.replace('"seq"', '"sequence"')).fingerprint != kind.fingerprint


def test_every_error_is_of_the_project() -> None:
    """An unknown schema is no broken one: it can be waited for."""
    assert issubclass(SchemaError, LamstreamError)
    assert issubclass(UnknownSchema, LamstreamError)
    assert not issubclass(UnknownSchema, SchemaError)
