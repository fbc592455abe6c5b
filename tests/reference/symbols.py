"""The enum symbols of a session event, read from its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AVSC = Path(__file__).parents[2] / "schemas" / "avsc"

Event = dict[str, Any]
"""One session event by Avro field name, enums as strings; a field left out has its Avro default."""


def field_types(schema: str) -> dict[str, Any]:
    """The Avro type of each field of a record schema, in the schema's order."""
    record = json.loads((AVSC / f"{schema}.avsc").read_text())
    return {field["name"]: field["type"] for field in record["fields"]}


_FIELDS = field_types("session-event")

EVENT_TYPES: tuple[str, ...] = tuple(_FIELDS["type"]["symbols"])
PAGE_TYPES: tuple[str, ...] = tuple(_FIELDS["page_type"]["symbols"])
DEVICES: tuple[str, ...] = tuple(_FIELDS["device"]["symbols"])
SOURCES: tuple[str, ...] = tuple(_FIELDS["source"]["symbols"])
