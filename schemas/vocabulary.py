"""The enums that code counts and branches on, as the avsc files list them."""

from __future__ import annotations

from schemas.errors import SchemaError
from schemas.record_type import record_type
from schemas.tree import nullable


def symbols(record_name: str, field_name: str) -> tuple[str, ...]:
    """The symbols of an enum field, in the order of their codes. Raises SchemaError where the field is no enum."""
    _, node = nullable(record_type(record_name).field_named(field_name)["type"])
    if not isinstance(node, dict) or node["type"] != "enum":
        raise SchemaError(f"found field {field_name} of {record_name} with type {node}; expected an enum")
    return tuple(node["symbols"])


def code(vocabulary: tuple[str, ...], symbol: str) -> int:
    """The number of a symbol: its place in its vocabulary. Raises SchemaError for a symbol that is not in it."""
    try:
        return vocabulary.index(symbol)
    except ValueError:
        raise SchemaError(f"found symbol {symbol!r}; expected one of {', '.join(vocabulary)}") from None


EVENT_TYPES = symbols("session-event", "type")
PAGE_TYPES = symbols("session-event", "page_type")
DEVICES = symbols("session-event", "device")
SOURCES = symbols("session-event", "source")
TIERS = symbols("intervention", "tier")
TRIGGERS = symbols("intervention", "trigger")
