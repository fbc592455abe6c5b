"""An Avro schema as a tree, in which every reference to a named type is replaced by the type itself.

The walker, the constraints and the resolution all recurse over this form, so that none of them needs a table of names.
"""

from __future__ import annotations

import json
from typing import Any, cast

from fastavro.schema import SchemaParseException, parse_schema, to_parsing_canonical_form
from fastavro.schema import fingerprint as fastavro_fingerprint

from schemas.errors import SchemaError

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "string"})
FINGERPRINT_BYTES = 8

Tree = Any
"""A primitive's name, a list (union), or a dict with `type` record, enum, array or map; records and enums carry their
full name, fields all of their attributes."""


def schema_tree(schema_json: str) -> dict[str, Tree]:
    """The tree of a record schema.

    Raises SchemaError where the text is no Avro schema, is not a record, is recursive, uses `bytes` or `fixed` (which
    the batch decoder does not read), or has arrays of items that take no bytes (a few bytes would claim any number).
    """
    try:
        parsed = parse_schema(json.loads(schema_json))
    except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SchemaError(f"found no valid Avro schema ({error!r}); expected the JSON of a record schema") from error
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise SchemaError(f"found a schema of type {_type_of(parsed)}; expected a record: wrap the type in a record")
    return cast("dict[str, Tree]", _expand(parsed, {}, (), parsed["name"]))


def canonical_form(schema_json: str) -> str:
    """The Parsing Canonical Form of a schema."""
    return to_parsing_canonical_form(parse_schema(json.loads(schema_json)))


def schema_fingerprint(schema_json: str) -> bytes:
    """The 8 bytes that stand for a schema in front of a record: CRC-64-AVRO of its canonical form, little-endian.

    Source: Avro specification, "Single-object encoding".
    """
    return bytes.fromhex(fastavro_fingerprint(canonical_form(schema_json), "CRC-64-AVRO"))


def nullable(node: Tree) -> tuple[bool, Tree]:
    """Whether a node is a union of null and one other type, and that type; `(False, node)` for any other node."""
    if isinstance(node, list) and len(node) == 2 and "null" in node:
        return True, node[1] if node[0] == "null" else node[0]
    return False, node


def kind(node: Tree) -> str:
    """`union`, `record`, `enum`, `array`, `map` or the name of a primitive."""
    if isinstance(node, list):
        return "union"
    return cast(str, node["type"] if isinstance(node, dict) else node)


def least_bytes(node: Tree) -> int:
    """The fewest bytes that a value of this type can take."""
    name = kind(node)
    if name == "union":
        return 1 + min(least_bytes(branch) for branch in node)
    if name == "record":
        return sum(least_bytes(field["type"]) for field in node["fields"])
    return {"null": 0, "float": 4, "double": 8}.get(name, 1)


def _type_of(parsed: Any) -> Any:
    return parsed.get("type") if isinstance(parsed, dict) else parsed


def _expand(node: Any, named: dict[str, Tree], open_names: tuple[str, ...], place: str) -> Tree:
    if isinstance(node, list):
        return [_expand(branch, named, open_names, place) for branch in node]
    if isinstance(node, str):
        return _reference(node, named, open_names, place)
    type_name = node["type"]
    if type_name == "record":
        return _record(node, named, open_names, place)
    if type_name == "enum":
        named[node["name"]] = node
        return node
    if type_name == "array":
        return _array(_expand(node["items"], named, open_names, f"{place}[]"), place)
    if type_name == "map":
        return {"type": "map", "values": _expand(node["values"], named, open_names, f"{place}{{}}")}
    return _expand(type_name, named, open_names, place)


def _array(items: Tree, place: str) -> Tree:
    if least_bytes(items) == 0:
        raise SchemaError(
            f"found an array at {place} whose items take no bytes; expected items of at least one byte, or else a "
            "record of a few bytes can claim any number of them: count them in a long"
        )
    return {"type": "array", "items": items}


def _reference(name: str, named: dict[str, Tree], open_names: tuple[str, ...], place: str) -> Tree:
    if name in PRIMITIVES:
        return name
    if name in open_names:
        raise SchemaError(
            f"found a recursive reference to {name} at {place}; expected a schema of finite depth: unfold it"
        )
    if name in named:
        return named[name]
    raise SchemaError(
        f"found type {name} at {place}; expected null, boolean, int, long, float, double, string, enum, record, array, "
        "map or a union of these: send binary content as a string (base64)"
    )


def _record(node: dict[str, Any], named: dict[str, Tree], open_names: tuple[str, ...], place: str) -> Tree:
    inner = (*open_names, node["name"])
    fields = [
        {**field, "type": _expand(field["type"], named, inner, f"{place}.{field['name']}")} for field in node["fields"]
    ]
    tree = {**node, "fields": fields}
    named[node["name"]] = tree
    return tree
