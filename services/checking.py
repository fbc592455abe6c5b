"""Records that people write as JSON lines: parsed, checked as the stream checks them, or refused by line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from schemas.bad import quoted
from schemas.codec import Decoder
from schemas.encoder import Encoder
from schemas.errors import UnfitRecord
from schemas.record_type import record_type
from schemas.store import SchemaStore
from schemas.validation import violations
from services.lines import MAX_LINE_BYTES, Line
from topics.table import TopicSpec

RESERVED = "\0"
"""What no record key may begin with: changelogs keep it for keys of their own."""


class Refused(NamedTuple):
    """A line that is no record of the topic; `message` says what was found and what was expected."""

    line: int
    message: str


class Checked(NamedTuple):
    """A line that is a record: its key, and its value as it goes onto the topic."""

    line: int
    key: str
    value: bytes


class Checker:
    """Checks the lines meant for one topic that holds Avro records."""

    def __init__(self, spec: TopicSpec) -> None:
        if spec.record is None or spec.key is None:
            raise LookupError(f"topic {spec.name} holds no records to check; the caller chooses one that does")
        self._key = spec.key
        self._record_type = record_type(spec.record)
        self._encoder = Encoder(self._record_type)
        self._decoder = Decoder(self._record_type, SchemaStore())

    def check(self, lines: Sequence[Line]) -> list[Checked | Refused]:
        """What became of each line that is not blank, in order. Raises nothing, whatever the lines hold.

        What fits the schema is decoded again and held against the ranges and lengths that workers check.
        """
        told = [self._encoded(line) for line in lines if line.content.strip()]
        good = [at for at, one in enumerate(told) if isinstance(one, Checked)]
        decoded = self._decoder.decode([one.value for one in told if isinstance(one, Checked)])
        rows = decoded.rows.tolist()
        found = [(bad.index, bad.message) for bad in decoded.bad]
        found += [(rows[bad.index], bad.message) for bad in violations(decoded.batch, self._record_type)]
        for index, message in found:
            told[good[index]] = Refused(told[good[index]].line, message)
        return told

    def _encoded(self, line: Line) -> Checked | Refused:
        try:
            record = _parsed(line)
            value = self._encoder.encode_strictly(record)
        except UnfitRecord as unfit:
            return Refused(line.number, str(unfit))
        key = str(record[self._key])
        if key.startswith(RESERVED):
            return Refused(line.number, f"found {self._key} {quoted(key)}; expected one that does not begin with NUL")
        return Checked(line.number, key, value)


def _parsed(line: Line) -> dict[str, Any]:
    """The object on a line. Raises UnfitRecord."""
    if not line.whole:
        raise UnfitRecord(f"found a line of more than {MAX_LINE_BYTES} bytes; expected one record, of less")
    try:
        parsed = json.loads(line.content.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as problem:
        raise UnfitRecord(f"found {quoted(line.content[problem.start : problem.end])}; expected UTF-8") from None
    except RecursionError:
        raise UnfitRecord("found JSON nested too deeply to be read; expected a record") from None
    except ValueError as problem:
        raise UnfitRecord(f"found {quoted(line.content)}; expected a JSON object: {problem}") from None
    if not isinstance(parsed, dict):
        raise UnfitRecord(f"found {quoted(parsed)}; expected a JSON object")
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise UnfitRecord(f"found {name}; expected a finite number")
