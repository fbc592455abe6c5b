from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import Bad, Decoded, Decoder, Reason, SchemaStore
from schemas.encoder import BY_COLUMNS, Encoder
from schemas.errors import SchemaError, UnfitRecord, UnknownSchema
from schemas.framing import SingleObjectFraming
from schemas.record_type import RecordType, all_record_types, record_type
from tests.schemas import reference
from tests.schemas.strategies import as_records, damaged, record_schemas, values

FRAMING = SingleObjectFraming()
EVENT = record_type("session-event")
STORE = SchemaStore()
ANY_TYPE = pytest.mark.parametrize("kind", all_record_types(), ids=lambda kind: kind.name)

BARE: dict[str, Any] = {
    "event_id": "e", "site_id": "s", "session_id": "k", "type": "click", "page_type": "other", "page_id": "/",
    "occurred_at": 1_700_000_000_000, "sent_at": 1_700_000_000_000, "device": "mobile", "source": "direct",
    "consent": {"analytics": True, "personalization": False},
}  # fmt: skip


def framed(kind: RecordType, record: dict[str, Any]) -> bytes:
    return FRAMING.frame(kind.fingerprint, reference.write(kind.schema_json, record))


def same(left: Any, right: Any) -> bool:
    """Equal, NaN included, which `==` is not."""
    return repr(left) == repr(right)


def assert_whole(decoded: Decoded, count: int) -> None:
    """Every value is a row or bad, never both, each in order."""
    rows, bad = decoded.rows.tolist(), [entry.index for entry in decoded.bad]
    assert decoded.rows.dtype == np.int64
    assert len(rows) == decoded.batch.num_rows
    assert rows == sorted(rows)
    assert bad == sorted(bad)
    assert sorted(rows + bad) == list(range(count))


@ANY_TYPE
@settings(max_examples=40)
@given(data=st.data())
def test_a_batch_decodes_to_what_fastavro_reads_one_by_one(kind: RecordType, data: st.DataObject) -> None:
    """Over every record type, a batch holds what fastavro reads record by record."""
    payloads = [reference.write(kind.schema_json, r) for r in data.draw(st.lists(values(kind.tree), max_size=5))]
    decoded = Decoder(kind, STORE).decode([FRAMING.frame(kind.fingerprint, payload) for payload in payloads])
    assert_whole(decoded, len(payloads))
    assert decoded.bad == []
    assert decoded.batch.schema.equals(kind.arrow_schema)
    decoded.batch.validate(full=True)
    expected = [reference.read(payload, kind.schema_json)[0] for payload in payloads]
    assert same(as_records(decoded.batch.to_pylist(), kind.tree), expected)


@settings(max_examples=150)
@given(st.data())
def test_any_schema_decodes_to_what_fastavro_reads(data: st.DataObject) -> None:
    """Records of any schema of nested types decode to what fastavro reads."""
    kind = RecordType("any", json.dumps(data.draw(record_schemas())))
    payloads = [reference.write(kind.schema_json, r) for r in data.draw(st.lists(values(kind.tree), max_size=3))]
    decoded = Decoder(kind, STORE).decode([FRAMING.frame(kind.fingerprint, payload) for payload in payloads])
    expected = [reference.read(payload, kind.schema_json)[0] for payload in payloads]
    assert decoded.bad == []
    assert same(as_records(decoded.batch.to_pylist(), kind.tree), expected)


@ANY_TYPE
@settings(max_examples=120)
@given(data=st.data())
def test_a_damaged_value_is_isolated(kind: RecordType, data: st.DataObject) -> None:
    """Damage never raises; the neighbours come out unharmed; what is accepted fastavro reads to its last byte."""
    records = data.draw(st.lists(values(kind.tree), min_size=1, max_size=4))
    whole = [framed(kind, record) for record in records]
    hurt = data.draw(st.integers(0, len(whole) - 1))
    sent: list[bytes | None] = [*whole]
    sent[hurt] = data.draw(damaged(whole[hurt]))
    decoded = Decoder(kind, STORE, unknown="dlq").decode(sent)
    assert_whole(decoded, len(sent))
    assert {entry.index for entry in decoded.bad} <= {hurt}
    for row, record in zip(decoded.rows.tolist(), as_records(decoded.batch.to_pylist(), kind.tree), strict=True):
        value = sent[row]
        assert value is not None
        expected, taken = reference.read(value[FRAMING.header_bytes :], kind.schema_json)
        assert taken == len(value) - FRAMING.header_bytes
        assert same(record, expected)


@given(st.lists(st.binary(max_size=80), max_size=8))
def test_arbitrary_bytes_behind_a_good_frame_never_raise(payloads: list[bytes]) -> None:
    """Whatever follows a known fingerprint is decoded or named bad."""
    sent = [FRAMING.frame(EVENT.fingerprint, payload) for payload in payloads]
    assert_whole(Decoder(EVENT, STORE).decode(sent), len(sent))


def test_each_bad_value_has_its_reason_and_place() -> None:
    """Every way a value can be bad has its own reason, and a message that names the field where there is one."""
    good = framed(EVENT, BARE)
    other = record_type("site-delta")
    unknown = FRAMING.frame(b"\x07" * 8, good[10:])
    sent = [
        None, b"{}", good, good[:-1], good + b"\x00", FRAMING.frame(other.fingerprint, b""), unknown, good,
        FRAMING.frame(EVENT.fingerprint, b"\x02\xff" + good[12:]),
        FRAMING.frame(EVENT.fingerprint, good[10:].replace(b"\x04\x00\x0e", b"\x7e\x00\x0e")),
    ]  # fmt: skip
    decoded = Decoder(EVENT, STORE, unknown="dlq").decode(sent)
    assert decoded.rows.tolist() == [2, 7]
    assert [(entry.index, entry.reason) for entry in decoded.bad] == [
        (0, Reason.NULL_VALUE), (1, Reason.NOT_AVRO), (3, Reason.TRUNCATED), (4, Reason.TRAILING_BYTES),
        (5, Reason.WRONG_TYPE), (6, Reason.UNKNOWN_SCHEMA), (8, Reason.MALFORMED), (9, Reason.ENUM_OUT_OF_RANGE),
    ]  # fmt: skip
    messages = {entry.index: entry.message for entry in decoded.bad}
    assert "attributes" in messages[3]
    assert "lamstream.SiteDelta" in messages[5]
    assert "lamstream.SessionEvent" in messages[5]
    assert "event_id" in messages[8]
    assert "field type" in messages[9]
    assert "32 symbols" in messages[9]


def test_an_unknown_schema_stops_the_batch_until_it_is_added() -> None:
    """An unknown fingerprint raises, and decodes once the store has the schema."""
    newer = EVENT.schema_json.replace('"maximum": 1000\n', '"maximum": 1000, "aliases": []\n')
    extended = newer.replace(
        '"name": "attributes"', '"name": "extra", "type": "int", "default": 0}, {"name": "attributes"'
    )
    kind = RecordType("newer", extended)
    store = SchemaStore()
    decoder = Decoder(EVENT, store)
    value = framed(kind, {**BARE, "extra": 3})
    with pytest.raises(UnknownSchema) as raised:
        decoder.decode([value])
    assert raised.value.fingerprint == kind.fingerprint
    assert store.add(extended) == kind.fingerprint
    decoded = decoder.decode([framed(EVENT, {**BARE, "page_id": "1"}), value, framed(EVENT, {**BARE, "page_id": "2"})])
    assert decoded.batch.column("page_id").to_pylist() == ["1", "/", "2"]
    assert decoded.rows.tolist() == [0, 1, 2]
    assert decoded.bad == []


def test_an_empty_batch_has_the_readers_columns() -> None:
    """No values, and only bad values, give a batch of no rows."""
    for sent in ([], [None], [b"x"]):
        decoded = Decoder(EVENT, STORE).decode(sent)
        assert decoded.batch.num_rows == 0
        assert decoded.batch.schema.equals(EVENT.arrow_schema)
        assert len(decoded.bad) == len(sent)


@ANY_TYPE
@settings(max_examples=40)
@given(data=st.data())
def test_encoding_is_fastavros_both_ways(kind: RecordType, data: st.DataObject) -> None:
    """One record and a batch of them encode to the bytes that fastavro writes, and a decoded batch to what it was."""
    records = data.draw(st.lists(values(kind.tree), max_size=4))
    expected = [framed(kind, record) for record in records]
    encoder = Encoder(kind)
    assert [encoder.encode(record) for record in records] == expected
    assert encoder.encode_batch(Decoder(kind, STORE).decode(expected).batch) == expected


@ANY_TYPE
@settings(max_examples=20)
@given(data=st.data())
def test_many_records_encode_as_one_by_one(kind: RecordType, data: st.DataObject) -> None:
    """Gathered as columns, records have the bytes that each has alone, in their order."""
    drawn = data.draw(st.lists(values(kind.tree), min_size=1, max_size=4))
    records = [drawn[n % len(drawn)] for n in range(BY_COLUMNS + 1)]
    encoder = Encoder(kind)
    assert encoder.encode_all(records) == [encoder.encode(record) for record in records]


def test_many_records_may_leave_out_what_has_a_default() -> None:
    """Each with fields of its own; no record at all is no value."""
    records = [BARE if n % 2 else BARE | {"page_id": str(n), "price": n / 7} for n in range(BY_COLUMNS)]
    assert Encoder(EVENT).encode_all(records) == [Encoder(EVENT).encode(record) for record in records]
    assert Encoder(EVENT).encode_all([]) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"seq": "seven"}, "seq"),
        ({"device": "fridge"}, "device"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"consent": None}, "consent"),
    ],
)
def test_one_that_does_not_fit_among_many_is_refused_by_field(wrong: dict[str, Any], named: str) -> None:
    """As it is alone."""
    records = [BARE] * BY_COLUMNS + [BARE | wrong]
    with pytest.raises(UnfitRecord, match=named):
        Encoder(EVENT).encode_all(records)


def test_a_record_may_leave_out_what_has_a_default() -> None:
    """A field with a default may be missing from a record."""
    decoded = Decoder(EVENT, STORE).decode([Encoder(EVENT).encode(BARE)])
    assert decoded.batch.to_pylist()[0]["containers"] == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seq": 1.5}, "found 1.5 in field seq; expected a long"),
        ({"device": "fridge"}, "found 'fridge' in field device; expected a symbol of mobile"),
        ({"quantity": 2**40}, "in field quantity; expected a int"),
        ({"occurred_at": 2**70}, "in field occurred_at; expected a long"),
        ({"page_id": "\ud800"}, "in field page_id; expected a string"),
        ({"attributes": {"a": "\ud800"}}, "in field attributes; expected a map"),
        ({"consent": {"analytics": True}}, "found no field consent.personalization"),
        ({"consent": 3}, "found 3 in consent"),
        ({"surprise": 1}, "found field 'surprise'"),
        ({"page_id": "x" * 500 + "\ud800"}, "xxx… in field page_id"),
    ],
)
def test_a_record_that_does_not_fit_is_refused_by_field(change: dict[str, Any], named: str) -> None:
    """Encoding a record that does not fit raises UnfitRecord that names the field."""
    with pytest.raises(UnfitRecord, match=named):
        Encoder(EVENT).encode({**BARE, **change})


def test_a_missing_field_is_named() -> None:
    """Encoding a record without a required field names it."""
    with pytest.raises(SchemaError, match="found no field device"):
        Encoder(EVENT).encode({name: value for name, value in BARE.items() if name != "device"})


def _replaced(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    return batch.set_column(at, pa.field(name, column.type), column)


@pytest.mark.parametrize(
    ("name", "column", "named"),
    [
        ("site_id", pa.array([None, "a"]), "1 null in column site_id"),
        ("containers", pa.array([["a", None], []]), "1 null in column containers\\[\\]"),
        ("seq", pa.array(["1", "2"]), "column seq of type string; expected int64"),
        ("device", pa.array(["mobile", "fridge"]), "fridge"),
        (
            "consent",
            pa.array([{"analytics": None, "personalization": True}] * 2, EVENT.arrow_schema.field("consent").type),
            "2 null in column consent.analytics",
        ),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_by_column(name: str, column: pa.Array, named: str) -> None:
    """A null, a symbol or a type the schema does not admit raises UnfitRecord that names the column."""
    batch = Decoder(EVENT, STORE).decode([framed(EVENT, BARE | {"containers": [], "attributes": {}})] * 2).batch
    with pytest.raises(UnfitRecord, match=named):
        Encoder(EVENT).encode_batch(_replaced(batch, name, column))


def test_a_batch_encodes_by_the_names_of_its_columns() -> None:
    """Order and further columns do not matter, slices encode their rows, and a missing column is named."""
    sent = [framed(EVENT, {**BARE, "page_id": str(i), "containers": ["c"] * i}) for i in range(4)]
    batch = Decoder(EVENT, STORE).decode(sent).batch
    turned = batch.select(batch.schema.names[::-1]).append_column("more", pa.array(range(4)))
    assert Encoder(EVENT).encode_batch(turned) == sent
    assert Encoder(EVENT).encode_batch(turned.slice(1, 2)) == sent[1:3]
    with pytest.raises(UnfitRecord, match="no column seq"):
        Encoder(EVENT).encode_batch(batch.drop_columns(["seq"]))


def test_bad_is_what_a_dead_letter_needs() -> None:
    """A reason is the text of its label."""
    assert Bad(1, Reason.NULL_VALUE, "m").reason.value == "null_value"


LONGS = RecordType(
    "longs", schema_json='{"type":"record","name":"L","fields":[{"name":"f","type":{"type":"array","items":"long"}}]}'
)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x04\x02\x04\x00", [1, 2]),
        (b"\x03\x04\x02\x04\x00", [1, 2]),
        (b"\x02\x02\x01\x02\x04\x00", [1, 2]),
        (b"\x02\x82\x00\x00", [1]),
        (b"\x82\x00\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00\x80\x00", [1]),
    ],
)
def test_unusual_encodings_are_read(payload: bytes, expected: list[int]) -> None:
    """Blocks with and without their size, several of them, and numbers in more bytes than they need are all Avro."""
    decoded = Decoder(LONGS, STORE).decode([FRAMING.frame(LONGS.fingerprint, payload)])
    assert decoded.bad == []
    assert decoded.batch.column("f").to_pylist() == [expected]
