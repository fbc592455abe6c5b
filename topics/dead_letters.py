"""Records that could not be read go to `<topic>.dlq` as they came, with headers that say why."""

from __future__ import annotations

from topics.consuming import Record
from topics.transport.outbox import Headers, Outgoing

ERROR_HEADER = "lamstream.error."
MESSAGE_CHARACTERS = 1000


def dead_letter(record: Record, *, topic: str, reason: str, stage: str, message: str) -> Outgoing:
    """The dead letter of a record: key, value and headers untouched, and `lamstream.error.*` headers added.

    `topic` is the source's full name, `stage` where it failed (decode, validate, process).
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
    original: Headers = list(record.headers() or [])
    added: Headers = [(ERROR_HEADER + name, text.encode()) for name, text in told.items()]
    return Outgoing(record.key(), record.value(), original + added)
