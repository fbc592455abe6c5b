"""Hypothesis strategies: records of any schema, schemas, and damage to encoded bytes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from schemas.tree import Tree, kind, nullable

TEXTS = st.text(max_size=20)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32),
    "double": st.floats(),
    "string": TEXTS,
}


def values(node: Tree) -> st.SearchStrategy[Any]:
    """Any value a type admits, whatever its field's constraints say."""
    name = kind(node)
    if name == "union":
        return st.one_of([values(branch) for branch in node])
    if name == "record":
        return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in node["fields"]})
    if name == "enum":
        return st.sampled_from(node["symbols"])
    if name == "array":
        return st.lists(values(node["items"]), max_size=4)
    if name == "map":
        return st.dictionaries(TEXTS, values(node["values"]), max_size=4)
    return SCALARS[name]


def _nullable(inner: Tree) -> st.SearchStrategy[Tree]:
    return st.sampled_from([["null", inner], [inner, "null"]]) if inner != "null" else st.just(inner)


def _enum(number: int) -> Tree:
    return {"type": "enum", "name": f"E{number}", "symbols": [f"S{i}" for i in range(1 + number % 70)]}


def _record(number: int, types: list[Tree]) -> Tree:
    fields = [{"name": f"f{i}", "type": node} for i, node in enumerate(types)]
    return {"type": "record", "name": f"R{number}", "fields": fields}


def _deeper(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    plain = inner.filter(lambda node: not isinstance(node, list))
    return st.one_of(
        plain.flatmap(_nullable),
        inner.map(lambda node: {"type": "array", "items": node}),
        inner.map(lambda node: {"type": "map", "values": node}),
        st.builds(_record, st.integers(0, 10**9), st.lists(inner, min_size=1, max_size=4)),
    )


@st.composite
def record_schemas(draw: st.DrawFn) -> dict[str, Any]:
    """A record schema of up to five fields of nested types; names do not repeat, arrays have items of some bytes."""
    primitive = st.sampled_from(["boolean", "int", "long", "float", "double", "string"])
    leaves = st.one_of(primitive, st.integers(0, 10**9).map(_enum))
    types = st.recursive(leaves, _deeper, max_leaves=4)
    schema: dict[str, Any] = _unique(_record(0, draw(st.lists(types, min_size=1, max_size=5))), [0])
    return schema


def _unique(node: Tree, counter: list[int]) -> Tree:
    if isinstance(node, list):
        return [_unique(branch, counter) for branch in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if "name" in node:
        counter[0] += 1
        node["name"] = f"test.N{counter[0]}"
    for key in ("items", "values"):
        if key in node:
            node[key] = _unique(node[key], counter)
    if "fields" in node:
        node["fields"] = [{**field, "type": _unique(field["type"], counter)} for field in node["fields"]]
    return node


@st.composite
def damaged(draw: st.DrawFn, value: bytes) -> bytes:
    """The value with bytes cut off, appended, inserted or changed."""
    way = draw(st.sampled_from(["cut", "append", "insert", "flip"]))
    at = draw(st.integers(0, max(len(value) - 1, 0)))
    if way == "cut":
        return value[:at]
    if way == "append":
        return value + draw(st.binary(min_size=1, max_size=12))
    if way == "insert":
        return value[:at] + draw(st.binary(min_size=1, max_size=12)) + value[at:]
    changed = bytearray(value)
    for place in draw(st.lists(st.integers(0, len(value) - 1), min_size=1, max_size=4)):
        changed[place] ^= draw(st.integers(1, 255))
    return bytes(changed)


def as_records(rows: list[dict[str, Any]], tree: Tree) -> list[dict[str, Any]]:
    """Records, or the rows of a batch, alike: fields in the schema's order, maps as dicts."""
    return [_as_record(row, tree) for row in rows]


def _as_record(value: Any, node: Tree) -> Any:
    _, inner = nullable(node)
    if value is None:
        return None
    name = kind(inner)
    if name == "record":
        return {field["name"]: _as_record(value[field["name"]], field["type"]) for field in inner["fields"]}
    if name == "array":
        return [_as_record(item, inner["items"]) for item in value]
    if name == "map":
        return {
            key: _as_record(item, inner["values"])
            for key, item in (value.items() if isinstance(value, dict) else value)
        }
    return value
