"""The layout of a fixed-width state row: named columns, their defaults, and an id that changes whenever they do."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import SchemaError

LAYOUT_ID_BYTES = 8
DESCRIPTION_BYTES = 2**17
"""Longest description of a layout: some ten times that of the widest row today."""
ROW_BYTES = 2**20
"""Widest row: what a record of a changelog may hold."""
DESCRIBED = {"name", "dtype", "shape", "default"}
KINDS = "biufSU"
"""NumPy's kinds of a column: numbers, and texts and bytes of fixed width."""


@dataclass(frozen=True)
class Column:
    """One column of a row.

    `dtype` is a NumPy type string of fixed width (`"<i8"`, `"S40"`), `shape` the shape of one row's value,
    `default` the scalar every element starts with. `since` is the version that brought the column, empty for the first:
    rows that are older hold the default there, so that what a column counts, it counts from that version on. It is told
    to people and is no part of the layout's id.
    """

    name: str
    dtype: str
    doc: str
    shape: tuple[int, ...] = ()
    default: int | float = 0
    since: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "default": self.default}

    def holds_as(self, other: Column) -> bool:
        """Whether both hold values of the same type and shape."""
        return np.dtype(self.dtype) == np.dtype(other.dtype) and self.shape == other.shape


@dataclass(frozen=True)
class RowLayout:
    """The columns of one state, in order.

    `due` names the `int64` column that holds the watermark, in ms, at which a row next wants attention without a
    record of its own (a timer, a closing); 0 means that the row is free. It is empty for a layout that is only read.
    """

    name: str
    columns: tuple[Column, ...]
    due: str

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The structured dtype of a row, aligned."""
        fields = [(c.name, c.dtype, c.shape) if c.shape else (c.name, c.dtype) for c in self.columns]
        return np.dtype(fields, align=True)

    @cached_property
    def description(self) -> bytes:
        """The columns and their defaults as JSON, from which `described` makes the layout again."""
        return json.dumps([c.as_json() for c in self.columns], separators=(",", ":"), sort_keys=True).encode()

    @cached_property
    def layout_id(self) -> bytes:
        """First 8 bytes of the SHA-256 of the description."""
        return description_id(self.description)

    @cached_property
    def blank(self) -> npt.NDArray[np.void]:
        """`dtype[1]`: a row of defaults."""
        row = np.zeros(1, self.dtype)
        for column in self.columns:
            if column.default:
                row[column.name] = column.default
        return row


def description_id(description: bytes) -> bytes:
    """The id of the layout that a description describes."""
    return hashlib.sha256(description).digest()[:LAYOUT_ID_BYTES]


def described(name: str, description: bytes) -> RowLayout:
    """The layout that another version described, to be read only.

    Raises SchemaError for what describes no layout.
    """
    if len(description) > DESCRIPTION_BYTES:
        raise SchemaError(
            f"the description of a layout of {name} has {len(description)} bytes, expected {DESCRIPTION_BYTES} at most"
        )
    try:
        found = json.loads(description)
    except ValueError as error:
        raise SchemaError(f"the description of a layout of {name} is no JSON: {error}") from error
    if not isinstance(found, list) or not found:
        raise SchemaError(f"the description of a layout of {name} is no list of columns: {description[:80]!r}")
    columns = tuple(_column(name, one) for one in found)
    if len({column.name for column in columns}) < len(columns):
        raise SchemaError(f"the description of a layout of {name} names a column twice")
    width = sum(np.dtype(column.dtype).itemsize * int(np.prod(column.shape, dtype=object)) for column in columns)
    if width > ROW_BYTES:
        raise SchemaError(f"a layout of {name} is described with rows of {width} bytes, expected {ROW_BYTES} at most")
    return RowLayout(name, columns, due="")


def _column(name: str, found: Any) -> Column:
    if isinstance(found, Mapping) and found.keys() == DESCRIBED:
        shape = found["shape"]
        named = isinstance(found["name"], str) and found["name"] and type(found["default"]) in (int, float)
        shaped = isinstance(shape, list) and all(type(size) is int and size > 0 for size in shape)
        if named and shaped and _is_fixed_width(found["dtype"]):
            return Column(found["name"], found["dtype"], "", tuple(shape), found["default"])
    raise SchemaError(
        f"a layout of {name} is described with a column {str(found)[:200]}, expected its name, a dtype of fixed width, "
        "a shape and a default"
    )


def _is_fixed_width(text: object) -> bool:
    try:
        dtype = np.dtype(text) if isinstance(text, str) else None
    except (TypeError, ValueError):
        return False
    return dtype is not None and dtype.kind in KINDS and dtype.names is None and dtype.itemsize > 0
