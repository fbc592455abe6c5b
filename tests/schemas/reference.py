"""fastavro, record by record: what the batch codec is compared with."""

from __future__ import annotations

import io
import json
from typing import Any

from fastavro import parse_schema, schemaless_reader, schemaless_writer


def write(schema_json: str, record: dict[str, Any]) -> bytes:
    """The payload of a record, without a frame."""
    out = io.BytesIO()
    schemaless_writer(out, parse_schema(json.loads(schema_json)), record)
    return out.getvalue()


def read(payload: bytes, writer_json: str, reader_json: str | None = None) -> tuple[Any, int]:
    """The record and the bytes it took."""
    source = io.BytesIO(payload)
    reader = parse_schema(json.loads(reader_json)) if reader_json else None
    record = schemaless_reader(source, parse_schema(json.loads(writer_json)), reader)
    return record, source.tell()
