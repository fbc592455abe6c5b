"""Records that could not be read go to `<topic>.dlq` as they came, with headers that say why."""

from __future__ import annotations

import hashlib

from topics.consuming import Record
from topics.table import MAX_DEAD_LETTER_BYTES
from topics.transport.outbox import Headers, Outgoing

ERROR_HEADER = "lamstream.error."
MESSAGE_CHARACTERS = 1000


def dead_letter(record: Record, *, topic: str, reason: str, stage: str, message: str) -> Outgoing:
    """The dead letter of a record: key, value and headers untouched, and `lamstream.error.*` headers added.

    `topic` is the source's full name, `stage` where it failed (decode, validate, process). A record that is too large
    for any dead letter (it was compressed on its way here) leaves its size and digest, and stays where it was.
    """
    told = {
        "reason": reason,
        "stage": stage,
        "topic": topic,
        "partition": str(record.partition()),
        "offset": str(record.offset()),
        "timestamp": str(record.timestamp()[1]),
        "message": message[:MESSAGE_CHARACTERS],
    }
    headers: Headers = [*(record.headers() or []), *_error_headers(told)]
    letter = Outgoing(record.key(), record.value(), headers)
    if letter.size <= MAX_DEAD_LETTER_BYTES:
        return letter
    value = record.value() or b""
    told |= {"size": str(len(value)), "sha256": hashlib.sha256(value).hexdigest()}
    return Outgoing(None, None, _error_headers(told))


def _error_headers(told: dict[str, str]) -> Headers:
    return [(ERROR_HEADER + name, text.encode()) for name, text in told.items()]
