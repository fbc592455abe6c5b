"""Compiling every kernel before a stream waits for it; the machine code is kept on disk for the next start."""

from __future__ import annotations

from models.behaviour import warmup
from schemas.codec import Decoder
from schemas.framing import SingleObjectFraming
from schemas.record_type import record_type
from schemas.store import SchemaStore


def warm_up() -> None:
    """Compile the fold and the walker of records: 15-30 s the first time, about a second from the disk."""
    kind = record_type("session-event")
    Decoder(kind, SchemaStore()).decode([SingleObjectFraming().frame(kind.fingerprint, b"")])
    warmup.compile()
