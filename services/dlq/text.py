"""Dead letters as text that is safe on a terminal: whatever they hold, no control character reaches it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from services.dlq.history import history_of
from services.dlq.letters import Letter
from services.dlq.retried import Marker

DUMP_BYTES_A_LINE = 16
DUMP_BYTES = 512
TEXT_CHARACTERS = 4_096


def at(ms: int) -> str:
    """A time as people read it, in UTC."""
    try:
        told = datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"
    return told.replace("+00:00", "Z")


def printable(text: str) -> str:
    """The text with every character escaped that a terminal would act on, or that shows nothing."""
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def text_of(value: bytes | None) -> str:
    """A key or header as one line."""
    return "none" if value is None else printable(value.decode(errors="backslashreplace"))


def block(value: bytes) -> Iterator[str]:
    """A value as lines: its text where it is text, else a dump of its bytes; cut where it is long."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        yield from hexdump(value)
        return
    for line in text[:TEXT_CHARACTERS].split("\n"):
        yield printable(line)
    if len(text) > TEXT_CHARACTERS:
        yield f"... {len(text) - TEXT_CHARACTERS:,} more characters: --raw FILE writes them all"


def hexdump(value: bytes) -> Iterator[str]:
    """Offset, bytes in hex and as ASCII, of the first bytes."""
    for begin in range(0, min(len(value), DUMP_BYTES), DUMP_BYTES_A_LINE):
        part = value[begin : begin + DUMP_BYTES_A_LINE]
        ascii_part = "".join(chr(one) if 32 <= one < 127 else "." for one in part)
        yield f"{begin:08x}  {part.hex(' '):{3 * DUMP_BYTES_A_LINE - 1}}  {ascii_part}"
    if len(value) > DUMP_BYTES:
        yield f"... {len(value) - DUMP_BYTES:,} more bytes: --raw FILE writes them all"


def told_at_length(letter: Letter, fields: dict[str, Any] | None, marker: Marker | None) -> Iterator[str]:
    """Everything of one letter, as lines; `fields` of its value where it decodes, `marker` where it was sent back."""
    yield str(letter.place)
    yield _line("reason", printable(letter.reason) or "none told", f"at {printable(letter.stage) or 'no stage told'}")
    yield _line("message", printable(letter.message) or "none")
    yield _line("diverted", at(letter.timestamp))
    yield _line("source", *_source(letter))
    yield _line("retried", "no" if marker is None else f"{at(marker.retried_at)}, from {marker.letter}")
    for entry in history_of(letter):
        yield _line("before", printable(json.dumps(entry)))
    yield _line("key", text_of(letter.key))
    for name, value in letter.headers:
        yield _line("header", f"{printable(name)}: {text_of(value)}")
    yield from _value(letter, fields)


def _source(letter: Letter) -> tuple[str, ...]:
    if letter.source is None:
        return ("not told: no worker wrote this letter",)
    return (str(letter.source), f"of {at(letter.source_timestamp)}")


def _value(letter: Letter, fields: dict[str, Any] | None) -> Iterator[str]:
    if letter.only_digest:
        size, digest = (printable(letter.told.get(name, "unknown")) for name in ("size", "sha256"))
        yield _line("value", f"not here: {size} bytes were too many for a letter; sha256 {digest}")
    elif letter.value is None:
        yield _line("value", "none")
    elif fields is not None:
        yield _line("value", f"{len(letter.value):,} bytes, which decode:")
        # json escapes every control character and what is not ASCII.
        yield from (f"    {line}" for line in json.dumps(fields, indent=2).split("\n"))
    else:
        yield _line("value", f"{len(letter.value):,} bytes, which do not decode:")
        yield from (f"    {line}" for line in block(letter.value))


def _line(name: str, *parts: str) -> str:
    return f"  {name:9} {', '.join(parts)}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode() if ord(character) > 0x7E or ord(character) < 0x20 else "\\x7f"
