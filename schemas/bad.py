"""Why a value is not a record, as a value: what the transport writes beside a dead letter and counts by reason."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

QUOTE_CHARS = 80


class Reason(str, Enum):
    """The bounded set of reasons; the values are the labels of metrics and headers."""

    NULL_VALUE = "null_value"
    NOT_AVRO = "not_avro"
    UNKNOWN_SCHEMA = "unknown_schema"
    WRONG_TYPE = "wrong_type"
    INCOMPATIBLE_SCHEMA = "incompatible_schema"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    ENUM_OUT_OF_RANGE = "enum_out_of_range"
    MALFORMED = "malformed"
    UNKNOWN_SYMBOL = "unknown_symbol"
    UNEXPECTED_NULL = "unexpected_null"
    NOT_FINITE = "not_finite"
    OUT_OF_RANGE = "out_of_range"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_MANY_ITEMS = "too_many_items"
    NUL_CHARACTER = "nul_character"
    EMPTY_KEY = "empty_key"
    RESERVED_KEY = "reserved_key"
    KEY_MISMATCH = "key_mismatch"


class Bad(NamedTuple):
    """One value that is not a record: its index in what was handed in, the reason, and a sentence for an operator."""

    index: int  # type: ignore[assignment]
    reason: Reason
    message: str


def quoted(value: object) -> str:
    """A value as it may stand in a message: escaped, and cut to 80 characters."""
    text = repr(value)
    return text if len(text) <= QUOTE_CHARS else text[: QUOTE_CHARS - 1] + "…"
