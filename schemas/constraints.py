"""What the avsc files say about values beyond their type: ranges, lengths and sizes, as attributes of a field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schemas.errors import SchemaError
from schemas.tree import Tree, kind, nullable

NUMBERS = frozenset({"int", "long", "float", "double"})
FLOATS = frozenset({"float", "double"})

_ALLOWED = {
    **dict.fromkeys(NUMBERS, frozenset({"minimum", "maximum"})),
    "string": frozenset({"minLength", "maxLength"}),
    "array": frozenset({"minLength", "maxLength", "maxItems"}),
    "map": frozenset({"minLength", "maxLength", "maxItems"}),
}
_ATTRIBUTES = frozenset({"minimum", "maximum", "minLength", "maxLength", "maxItems"})


@dataclass(frozen=True)
class Constraint:
    """What one field admits. Null is always admitted where the type allows it, and NaN and infinity never are.

    `path` leads to the field from the top of the record; `kind` is the Avro type without null. `minimum` and `maximum`
    are inclusive. `min_length` and `max_length` count UTF-8 bytes: of a string, of every item of an array, of every key
    and value of a map. `max_items` counts the entries of an array or map.
    """

    path: tuple[str, ...]
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    max_items: int | None = None

    @property
    def field(self) -> str:
        """The path as text, with dots."""
        return ".".join(self.path)


def constraints(tree: dict[str, Tree], path: tuple[str, ...] = ()) -> Iterator[Constraint]:
    """The constraints of a record's fields in the order of the fields, nested records included.

    Every float and double has one, since it must be finite. Raises SchemaError for an attribute on a type that it says
    nothing about, and for constraints inside arrays and maps, which are not checked.
    """
    for field in tree["fields"]:
        here = (*path, field["name"])
        _, node = nullable(field["type"])
        _refuse_misplaced(field, node, here)
        if kind(node) == "record":
            yield from constraints(node, here)
        elif field.keys() & _ATTRIBUTES or kind(node) in FLOATS:
            yield Constraint(
                path=here,
                kind=kind(node),
                minimum=field.get("minimum"),
                maximum=field.get("maximum"),
                min_length=field.get("minLength"),
                max_length=field.get("maxLength"),
                max_items=field.get("maxItems"),
            )


def _refuse_misplaced(field: dict[str, Any], node: Tree, path: tuple[str, ...]) -> None:
    misplaced = (field.keys() & _ATTRIBUTES) - _ALLOWED.get(kind(node), frozenset())
    element = node.get("items", node.get("values")) if isinstance(node, dict) else None
    if element is not None and element != "string":
        misplaced |= field.keys() & {"minLength", "maxLength"}
    if misplaced:
        raise SchemaError(
            f"found {', '.join(sorted(misplaced))} on field {'.'.join(path)} of type {kind(node)}; expected attributes "
            "that constrain this type: remove them"
        )
    if element is not None:
        _refuse_inside(element, path)


def _refuse_inside(element: Tree, path: tuple[str, ...]) -> None:
    if kind(element) == "record" and any(field.keys() & _ATTRIBUTES for field in element["fields"]):
        raise SchemaError(
            f"found constraints inside the elements of field {'.'.join(path)}; expected none, as they are not checked "
            "there: move them to a field of their own or remove them"
        )
