from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.bad import Reason
from schemas.framing import SingleObjectFraming
from schemas.record_type import record_type
from schemas.tree import canonical_form, schema_fingerprint

FRAMING = SingleObjectFraming()
FINGERPRINTS = st.sampled_from([b"\x00" * 8, b"\x01" * 8, b"\xff" * 8])


@given(st.lists(st.one_of(st.none(), st.binary(max_size=14), st.tuples(FINGERPRINTS, st.binary(max_size=6)))))
def test_every_value_is_grouped_by_its_fingerprint_or_named_bad(
    drawn: list[bytes | tuple[bytes, bytes] | None],
) -> None:
    """A value belongs to the writer its frame names, and whatever has no frame is named bad, in order."""
    values = [FRAMING.frame(*value) if isinstance(value, tuple) else value for value in drawn]
    framed = FRAMING.read(values)
    for i, value in enumerate(values):
        if value is not None and len(value) >= 10 and value[:2] == b"\xc3\x01":
            assert framed.fingerprints[framed.writer[i]] == value[2:10]
            assert framed.buffer[framed.starts[i] : framed.starts[i + 1]].tobytes() == value
        else:
            assert framed.writer[i] == -1
    assert [bad.index for bad in framed.bad] == [i for i in range(len(values)) if framed.writer[i] == -1]


def test_a_value_without_a_frame_says_what_it_is() -> None:
    """Null, Confluent's framing and other bytes are told apart."""
    null, confluent, text = FRAMING.read([None, b"\x00\x00\x00\x01\x00rest", b'{"a":1}']).bad
    assert null.reason is Reason.NULL_VALUE
    assert confluent.reason is Reason.NOT_AVRO
    assert "Confluent framing with schema id 256, which is not configured" in confluent.message
    assert text.reason is Reason.NOT_AVRO
    assert "C3 01" in text.message


def test_fingerprints_are_those_of_the_specification() -> None:
    """CRC-64-AVRO of `"int"` is 0x7275d51a3f395c8f, and stands little-endian in a frame."""
    assert int.from_bytes(_crc64_avro(b'"int"'), "little") == 0x7275D51A3F395C8F
    known = record_type("site-delta")
    assert schema_fingerprint(known.schema_json) == known.fingerprint

    assert _crc64_avro(canonical_form(known.schema_json).encode()) == known.fingerprint


def _crc64_avro(data: bytes) -> bytes:
    empty = 0xC15D213AA4D7A795
    fingerprint = empty
    for byte in data:
        low = (fingerprint ^ byte) & 0xFF
        for _ in range(8):
            low = (low >> 1) ^ (empty if low & 1 else 0)
        fingerprint = (fingerprint >> 8) ^ low
    return fingerprint.to_bytes(8, "little")
