from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import Decoder, SchemaStore
from schemas.compatibility import Compatibility, check_compatibility
from schemas.record_type import RecordType, all_record_types, record_type
from scripts.golden import GOLDEN_FOLDER, golden_file
from tests.schemas import reference
from tests.schemas.strategies import as_records

FILES = sorted(GOLDEN_FOLDER.glob("*/*.json"))
EVERY_FILE = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def load(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def assert_read(sent: list[bytes], writer_json: str, reader: RecordType) -> None:
    """The reader decodes every value to what fastavro reads."""
    store = SchemaStore()
    store.add(writer_json)
    decoded = Decoder(reader, store).decode(sent)
    assert decoded.bad == []
    expected = [reference.read(value[10:], writer_json, reader.schema_json)[0] for value in sent]
    actual = decoded.batch.to_pylist()
    assert repr(as_records(actual, reader.tree)) == repr(as_records(expected, reader.tree))


@pytest.mark.parametrize("kind", all_record_types(), ids=lambda kind: kind.name)
def test_the_schema_of_today_has_its_golden_file(kind: RecordType) -> None:
    """Every version of a schema has golden records before it is used."""
    assert golden_file(kind).exists(), (
        f"found no golden records for the schema of {kind.name} with fingerprint {kind.fingerprint.hex()}; expected "
        f"{golden_file(kind)}: if schemas/avsc/{kind.name}.avsc was meant to change, run `python -m scripts.golden` "
        "and commit the new file beside the old ones; if not, restore the avsc"
    )


@EVERY_FILE
def test_a_golden_file_is_as_it_was_written(path: Path) -> None:
    """A golden file stands under its schema's fingerprint, and its values hold its records."""
    content = load(path)
    schema_json = json.dumps(content["schema"])
    kind = RecordType(path.parent.name, schema_json)
    assert kind.fingerprint.hex() == path.stem
    for record in content["records"]:
        value = bytes.fromhex(record["framed"])
        assert value[:10] == b"\xc3\x01" + kind.fingerprint
        assert reference.read(value[10:], schema_json) == (record["json"], len(value) - 10)


@EVERY_FILE
def test_today_reads_every_golden_record(path: Path) -> None:
    """Records of every past version are read with today's schema."""
    content = load(path)
    sent = [bytes.fromhex(record["framed"]) for record in content["records"]]
    assert_read(sent, json.dumps(content["schema"]), record_type(path.parent.name))


@EVERY_FILE
def test_every_yesterday_reads_todays_records(path: Path) -> None:
    """Records of today are read with the schema of every past version, as old workers do in an upgrade."""
    today = record_type(path.parent.name)
    sent = [bytes.fromhex(record["framed"]) for record in load(golden_file(today))["records"]]
    assert_read(sent, today.schema_json, RecordType(path.parent.name, json.dumps(load(path)["schema"])))


@pytest.mark.parametrize("kind", all_record_types(), ids=lambda kind: kind.name)
def test_today_is_compatible_with_every_past_version(kind: RecordType) -> None:
    """Every record type keeps its promise to all of its past versions."""
    past = [json.dumps(load(path)["schema"]) for path in FILES if path.parent.name == kind.name]
    check_compatibility(kind.schema_json, past, Compatibility.FULL_TRANSITIVE)
