"""Compiling every kernel before a stream waits for it; the machine code is kept on disk for the next start."""

from __future__ import annotations

from models.ava import warmup as deciding
from models.behaviour import warmup as behaviour
from schemas.codec import Decoder
from schemas.framing import SingleObjectFraming
from schemas.record_type import record_type
from schemas.store import SchemaStore


def warm_up() -> None:
    """Compile the fold, the gates and the walker of records: a minute the first time, a second or two from the disk."""
    kind = record_type("session-event")
    Decoder(kind, SchemaStore()).decode([SingleObjectFraming().frame(kind.fingerprint, b"")])
    behaviour.compile()
    deciding.compile()
