"""A writer's schema compiled into the small program that the walker runs over encoded records.

An instruction is four integers: the operation and its operands `a`, `b`, `c`. Records are inlined, so that a record is
a straight run of instructions; only unions and repeated elements jump.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.tree import Tree, kind, least_bytes, nullable, schema_tree

END: Final = 0
"""The record is over."""
BOOLEAN: Final = 1
FIXED: Final = 2
"""Skip `a` bytes: a float or a double."""
JUMP: Final = 3
"""Go to `a`."""
OPEN: Final = 4
"""Begin an array or map on level `c`."""
NEXT: Final = 5
"""The next element on level `c`, of at least `b` bytes, or to `a` after the last. From here on all read a varint."""
NULLABLE: Final = 6
"""A union of two: to `b` for the null branch `a`, go on for the other."""
STRING: Final = 7
INT: Final = 8
LONG: Final = 9
ENUM: Final = 10
"""An index below `a`."""
UNION: Final = 11
"""A union of `a` branches: go to the jump at `b` + branch."""

OPERANDS: Final = 4


@dataclass(frozen=True, eq=False)
class Program:
    """`code` int32[instructions, 4], `levels` the depth of nested arrays and maps, `places` the field that each
    instruction reads, and `kinds` its type, for messages."""

    code: npt.NDArray[np.int32]
    levels: int
    places: tuple[str, ...]
    kinds: tuple[str, ...]


def compile_program(schema_json: str) -> Program:
    """The program of a record schema. Raises SchemaError for what `schemas.tree.schema_tree` refuses."""
    compiler = _Compiler()
    compiler.node(schema_tree(schema_json), "", 0)
    compiler.emit(END, "the end of the record", "record")
    return Program(np.array(compiler.code, np.int32), compiler.levels, tuple(compiler.places), tuple(compiler.kinds))


class _Compiler:
    def __init__(self) -> None:
        self.code: list[list[int]] = []
        self.places: list[str] = []
        self.kinds: list[str] = []
        self.levels = 0

    def emit(self, operation: int, place: str, kind_name: str, a: int = 0, b: int = 0, c: int = 0) -> int:
        self.code.append([operation, a, b, c])
        self.places.append(place)
        self.kinds.append(kind_name)
        return len(self.code) - 1

    def node(self, node: Tree, place: str, level: int) -> None:
        name = kind(node)
        if name == "record":
            for field in node["fields"]:
                self.node(field["type"], f"{place}.{field['name']}" if place else field["name"], level)
        elif name == "union":
            self.union(node, place, level)
        elif name == "array":
            self.elements(node["items"], least_bytes(node["items"]), place, "array", level)
        elif name == "map":
            self.elements(node["values"], least_bytes("string") + least_bytes(node["values"]), place, "map", level)
        elif name == "enum":
            self.emit(ENUM, place, f"enum of {len(node['symbols'])} symbols", a=len(node["symbols"]))
        elif name in ("float", "double"):
            self.emit(FIXED, place, name, a=least_bytes(name))
        elif name != "null":
            self.emit({"boolean": BOOLEAN, "int": INT, "long": LONG, "string": STRING}[name], place, name)

    def union(self, branches: list[Tree], place: str, level: int) -> None:
        is_nullable, other = nullable(branches)
        if is_nullable and other != "null":
            test = self.emit(NULLABLE, place, "union of 2 branches", a=branches.index("null"))
            self.node(other, place, level)
            self.code[test][2] = len(self.code)
            return
        test = self.emit(UNION, place, f"union of {len(branches)} branches", a=len(branches))
        table = [self.emit(JUMP, place, "union") for _ in branches]
        self.code[test][2] = table[0]
        exits = []
        for row, branch in zip(table, branches, strict=True):
            self.code[row][1] = len(self.code)
            self.node(branch, place, level)
            exits.append(self.emit(JUMP, place, "union"))
        for row in exits:
            self.code[row][1] = len(self.code)

    def elements(self, element: Tree, element_bytes: int, place: str, kind_name: str, level: int) -> None:
        self.levels = max(self.levels, level + 1)
        self.emit(OPEN, place, kind_name, c=level)
        following = self.emit(NEXT, place, kind_name, b=element_bytes, c=level)
        if kind_name == "map":
            self.emit(STRING, f"{place}{{key}}", "string")
        self.node(element, f"{place}[]" if kind_name == "array" else f"{place}{{}}", level + 1)
        self.emit(JUMP, place, kind_name, a=following)
        self.code[following][1] = len(self.code)
