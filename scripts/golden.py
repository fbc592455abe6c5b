"""Add the golden file of every record type's current schema where it is missing; never touch one that exists.

    python -m scripts.golden

A golden file, `schemas/golden/<record type>/<fingerprint>.json`, holds the writer's schema and a handful of records,
each as JSON and as the framed value in hex. They stand for what lies on topics, so they are only ever added.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import schemas
from schemas.codec import Encoder
from schemas.record_type import RecordType, all_record_types
from schemas.tree import Tree, kind, nullable

GOLDEN_FOLDER = Path(schemas.__file__).parent / "golden"

RANGES = {"int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1), "float": (-1.5, 1.5), "double": (-1e300, 1e300)}
ALPHABET = "é日𝄞a"
"""One character each of 2, 3, 4 and 1 bytes of UTF-8."""


def golden_file(record_type: RecordType) -> Path:
    """Where the golden records of a record type's current schema lie."""
    return GOLDEN_FOLDER / record_type.name / f"{record_type.fingerprint.hex()}.json"


def golden_records(record_type: RecordType) -> list[dict[str, Any]]:
    """Records at the corners of a schema: lowest, highest, defaults, and each symbol of its enums at least once."""
    fields = record_type.tree["fields"]
    corners = [{f["name"]: _value(f["type"], f, corner) for f in fields} for corner in ("low", "high")]
    defaults = {f["name"]: f["default"] if "default" in f else _value(f["type"], f, "low") for f in fields}
    return [*corners, defaults, *_symbol_records(fields, corners[0])]


def _symbol_records(fields: list[dict[str, Any]], base: dict[str, Any]) -> list[dict[str, Any]]:
    enums = {f["name"]: f["type"]["symbols"] for f in fields if kind(f["type"]) == "enum"}
    rows = max((len(symbols) for symbols in enums.values()), default=0)
    return [base | {name: symbols[i % len(symbols)] for name, symbols in enums.items()} for i in range(rows)]


def _value(node: Tree, attributes: dict[str, Any], corner: str) -> Any:
    admits_null, inner = nullable(node)
    name = kind(inner)
    if admits_null and corner == "low":
        return None
    if name == "record":
        return {f["name"]: _value(f["type"], f, corner) for f in inner["fields"]}
    if name in ("array", "map"):
        if corner == "low":
            return [] if name == "array" else {}
        element = _value(inner.get("items", inner.get("values")), attributes, corner)
        return [element, element] if name == "array" else {"ключ": element, "": element}
    if name == "enum":
        return inner["symbols"][0 if corner == "low" else -1]
    if name in RANGES:
        least, most = RANGES[name]
        bound = attributes.get("minimum", least) if corner == "low" else attributes.get("maximum", most)
        return float(bound) if name in ("float", "double") else bound
    if name == "string":
        return _text(attributes.get("minLength", 0) if corner == "low" else min(attributes.get("maxLength", 40), 40))
    return corner == "high" if name == "boolean" else None


def _text(size: int) -> str:
    """Text of exactly that many bytes, of as many different characters as fit."""
    text = ""
    while len(text.encode()) < size:
        room = size - len(text.encode())
        fitting = [character for character in ALPHABET if len(character.encode()) <= room]
        text += fitting[len(text) % len(fitting)]
    return text


def _content(record_type: RecordType) -> str:
    encoder = Encoder(record_type)
    records = [{"json": r, "framed": encoder.encode(r).hex()} for r in golden_records(record_type)]
    content = {"schema": json.loads(record_type.schema_json), "records": records}
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    for record_type in all_record_types():
        path = golden_file(record_type)
        if path.exists():
            print(f"kept   {path}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_content(record_type), encoding="utf-8")
        print(f"added  {path}")


if __name__ == "__main__":
    main()
