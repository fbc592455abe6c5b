"""The layout of a fixed-width state row: named columns, their defaults, and an id that changes whenever they do."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

LAYOUT_ID_BYTES = 8


@dataclass(frozen=True)
class Column:
    """One column of a row.

    `dtype` is a NumPy type string of fixed width (`"<i8"`, `"S40"`), `shape` the shape of one row's value,
    `default` the scalar every element starts with.
    """

    name: str
    dtype: str
    doc: str
    shape: tuple[int, ...] = ()
    default: int | float = 0

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), "default": self.default}


@dataclass(frozen=True)
class RowLayout:
    """The columns of one state, in order.

    `due` names the `int64` column that holds the watermark, in ms, at which a row next wants attention without a
    record of its own (a timer, a closing); 0 means that the row is free.
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
    def layout_id(self) -> bytes:
        """First 8 bytes of the SHA-256 of the columns and their defaults."""
        text = json.dumps([c.as_json() for c in self.columns], separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).digest()[:LAYOUT_ID_BYTES]

    @cached_property
    def blank(self) -> npt.NDArray[np.void]:
        """`dtype[1]`: a row of defaults."""
        row = np.zeros(1, self.dtype)
        for column in self.columns:
            if column.default:
                row[column.name] = column.default
        return row
