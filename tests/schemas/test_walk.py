from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import SchemaError
from schemas.record_type import record_type
from schemas.walk import Fault, Walked, walk
from schemas.walk_program import compile_program
from tests.schemas import reference
from tests.schemas.strategies import damaged, record_schemas, values


def walked(schema_json: str, payloads: list[bytes]) -> Walked:
    sizes = np.array([len(payload) for payload in payloads], np.int64)
    ends = np.cumsum(sizes)
    starts = ends - sizes
    return walk(compile_program(schema_json), np.frombuffer(b"".join(payloads), np.uint8), starts, ends)


def of(field_type: Any) -> str:
    return json.dumps({"type": "record", "name": "X", "fields": [{"name": "f", "type": field_type}]})


def fault(field_type: Any, payload: bytes) -> Fault:
    return Fault(int(walked(of(field_type), [payload]).faults[0]))


@settings(max_examples=150)
@given(st.data())
def test_whole_records_of_any_schema_are_measured_to_the_byte(data: st.DataObject) -> None:
    """Records of any schema that fastavro writes are whole, and as long as they were written."""
    schema = data.draw(record_schemas())
    schema_json = json.dumps(schema)
    payloads = [reference.write(schema_json, data.draw(values(schema))) for _ in range(3)]
    result = walked(schema_json, payloads)
    assert result.faults.tolist() == [Fault.WHOLE] * 3
    assert result.lengths.tolist() == [len(payload) for payload in payloads]


@settings(max_examples=200)
@given(st.data())
def test_what_the_walker_accepts_fastavro_reads_to_the_last_byte(data: st.DataObject) -> None:
    """A damaged record without a fault is one that fastavro reads with all of its bytes."""
    schema = data.draw(record_schemas())
    schema_json = json.dumps(schema)
    payload = data.draw(damaged(reference.write(schema_json, data.draw(values(schema)))))
    if walked(schema_json, [payload]).faults[0] == Fault.WHOLE:
        _, taken = reference.read(payload, schema_json)
        assert taken == len(payload)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_are_walked_within_their_bounds(payloads: list[bytes]) -> None:
    """Arbitrary bytes are walked without an error, and never beyond their end."""
    result = walked(record_type("session-event").schema_json, payloads)
    assert all(0 <= length <= len(payload) for length, payload in zip(result.lengths.tolist(), payloads, strict=True))


@pytest.mark.parametrize(
    ("field_type", "payload", "expected"),
    [
        ("long", b"", Fault.TRUNCATED),
        ("long", b"\x80", Fault.TRUNCATED),
        ("long", b"\x02\x00", Fault.TRAILING_BYTES),
        ("long", b"\xff" * 9 + b"\x01", Fault.WHOLE),
        ("long", b"\xff" * 9 + b"\x02", Fault.LONG_VARINT),
        ("long", b"\xff" * 10 + b"\x00", Fault.LONG_VARINT),
        ("int", b"\xff\xff\xff\xff\x0f", Fault.WHOLE),
        ("int", b"\x80\x80\x80\x80\x10", Fault.LONG_VARINT),
        ("boolean", b"\x02", Fault.BAD_BOOLEAN),
        ("double", b"1234567", Fault.TRUNCATED),
        ("float", b"123", Fault.TRUNCATED),
        ("string", b"\x01", Fault.NEGATIVE_LENGTH),
        ("string", b"\x06ab", Fault.TRUNCATED),
        ("string", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", Fault.TRUNCATED),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x04", Fault.ENUM_OUT_OF_RANGE),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"\x01", Fault.ENUM_OUT_OF_RANGE),
        (["null", "long"], b"\x04", Fault.BAD_UNION_BRANCH),
        (["null", "long"], b"\x01", Fault.BAD_UNION_BRANCH),
        (["null", "long", "string"], b"\x06", Fault.BAD_UNION_BRANCH),
        (["null", "long", "string"], b"\x04\x02a", Fault.WHOLE),
    ],
)
def test_each_fault_has_its_code(field_type: Any, payload: bytes, expected: Fault) -> None:
    """A malformed value is told by the fault it has."""
    assert fault(field_type, payload) is expected


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"\x03\x04\x02\x04\x00", Fault.WHOLE),
        (b"\x03\x06\x02\x04\x00", Fault.BAD_BLOCK_SIZE),
        (b"\x03\x01\x02\x04\x00", Fault.NEGATIVE_LENGTH),
        (b"\x03\x7e\x02\x04\x00", Fault.TRUNCATED),
        (b"\x02\x02\x01\x02\x04\x00", Fault.WHOLE),
        (b"\x02\x02", Fault.TRUNCATED),
        (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x00", Fault.TRUNCATED),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x02\x00", Fault.TRUNCATED),
    ],
)
def test_blocks_are_checked_with_and_without_their_size(payload: bytes, expected: Fault) -> None:
    """An array may come in several blocks, sized or not; a size that lies and a count beyond the bytes are faults."""
    assert fault({"type": "array", "items": "long"}, payload) is expected


@given(st.binary(max_size=12))
def test_utf8_is_what_python_calls_utf8(text: bytes) -> None:
    """A string is valid exactly where Python decodes it."""
    try:
        text.decode()
        expected = Fault.WHOLE
    except UnicodeDecodeError:
        expected = Fault.BAD_UTF8
    assert fault("string", bytes([2 * len(text)]) + text) is expected


@given(
    st.lists(
        st.sampled_from([0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xF0, 0xF4]),
        max_size=8,
    )
)
def test_utf8_at_the_edges_of_its_ranges(codes: list[int]) -> None:
    """Overlong forms, surrogates and code points beyond the last are invalid, their neighbours valid, as in Python."""
    test_utf8_is_what_python_calls_utf8.hypothesis.inner_test(bytes(codes))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("field_type", "named"),
    [
        ("bytes", "bytes at X.f"),
        ({"type": "fixed", "name": "F", "size": 4}, "F|fixed"),
        (["null", "X"], "recursive reference to X at X.f"),
        ({"type": "array", "items": "null"}, "X.f whose items take no bytes"),
        ({"type": "array", "items": {"type": "record", "name": "E", "fields": []}}, "X.f whose items take no bytes"),
    ],
)
def test_what_the_decoder_cannot_read_is_refused_at_compile_time(field_type: Any, named: str) -> None:
    """A schema with bytes, fixed, recursion or items without bytes is refused, and the message says where."""
    with pytest.raises(SchemaError, match=named):
        compile_program(of(field_type))


def test_a_fault_names_its_field_and_byte() -> None:
    """The message of a fault names the field, the type and the byte."""
    program = compile_program(of({"type": "map", "values": ["null", "boolean"]}))
    result = walk(program, np.frombuffer(b"\x02\x02k\x02\x05\x00", np.uint8), np.array([0]), np.array([6]))
    reason, message = result.describe(program, 0)
    assert reason.value == "malformed"
    assert "field f{}" in message
    assert "boolean" in message
    assert "byte 4" in message
