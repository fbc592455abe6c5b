"""Dead letters keep what came, and never stop the stream themselves."""

from __future__ import annotations

import hashlib

from tests.topics.raw import Raw
from topics.table import MAX_DEAD_LETTER_BYTES
from topics.transport.dead_letters import dead_letter
from topics.transport.outbox import Outbox


def letter_of(value: bytes) -> tuple[bytes | None, dict[str, str | bytes | None]]:
    record = Raw(b"key", value, [("theirs", b"\x00\xff")])
    letter = dead_letter(record, topic="p-session-event", reason="not_avro", stage="decode", message="m" * 5_000)
    Outbox().add("session-event.dlq", letter)
    return letter.value, dict(letter.headers or [])


def test_key_value_and_headers_are_untouched_and_the_reason_is_added() -> None:
    """What was there stays, byte for byte; the message is bounded."""
    value, headers = letter_of(b"\x01\x02")
    assert value == b"\x01\x02"
    assert headers["theirs"] == b"\x00\xff"
    assert headers["lamstream.error.reason"] == b"not_avro"
    assert headers["lamstream.error.topic"] == b"p-session-event"
    assert headers["lamstream.error.message"] == b"m" * 1_000


def test_a_record_too_large_for_any_letter_leaves_its_size_and_digest() -> None:
    """It cannot be written, and must not stop its partition for good: the letter says where it lies."""
    huge = b"x" * (MAX_DEAD_LETTER_BYTES + 1)
    value, headers = letter_of(huge)
    assert value is None
    assert headers["lamstream.error.size"] == str(len(huge)).encode()
    assert headers["lamstream.error.sha256"] == hashlib.sha256(huge).hexdigest().encode()
    assert headers["lamstream.error.offset"] == b"0"
