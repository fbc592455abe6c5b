"""Whether the values of a decoded batch are what their fields admit: ranges, finiteness, lengths, sizes.

Each column is first reduced to its extremes, which settles a clean batch; rows are looked at only where an extreme is
out of bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.bad import Bad, Reason, quoted
from schemas.constraints import FLOATS, NUMBERS, Constraint
from schemas.record_type import RecordType

Rows = npt.NDArray[np.int64]


def violations(batch: pa.RecordBatch, record_type: RecordType) -> list[Bad]:
    """The rows of a batch that break a constraint of their record type, ascending, each with its first by field order.

    `index` is the row of the batch. Null is admitted wherever the column holds it. The columns must be those of
    `record_type.arrow_schema`.
    """
    found: dict[int, Bad] = {}
    for constraint in record_type.constraints:
        for bad in _violations(_column(batch, constraint.path), constraint):
            found.setdefault(bad.index, bad)
    return [found[row] for row in sorted(found)]


def _column(batch: pa.RecordBatch, path: tuple[str, ...]) -> pa.Array:
    column = batch.column(path[0])
    for name in path[1:]:
        column = pc.struct_field(column, name)
    return column


def _violations(column: pa.Array, constraint: Constraint) -> Iterator[Bad]:
    if constraint.kind in NUMBERS:
        if constraint.kind in FLOATS:
            yield from _not_finite(column, constraint)
        yield from _out_of_range(column, constraint)
    elif constraint.kind == "string":
        yield from _lengths(column, None, constraint, "field")
    else:
        yield from _sizes(column, constraint)
        if constraint.kind == "array":
            yield from _lengths(column.values, column, constraint, "an item of field")
        else:
            yield from _lengths(column.keys, column, constraint, "a key of field")
            yield from _lengths(column.items, column, constraint, "a value of field")


def _not_finite(column: pa.Array, constraint: Constraint) -> Iterator[Bad]:
    # A sum is finite only if all its terms are; it may overflow without, and then the rows decide.
    total = pc.sum(column).as_py()
    if total is None or np.isfinite(total):
        return
    for row in _rows(pc.invert(pc.is_finite(column))):
        yield Bad(
            row, Reason.NOT_FINITE, f"found {column[row].as_py()} in field {constraint.field}; expected a finite number"
        )


def _out_of_range(column: pa.Array, constraint: Constraint) -> Iterator[Bad]:
    low, high = constraint.minimum, constraint.maximum
    if low is None and high is None:
        return
    extremes = pc.min_max(column)
    least, most = extremes["min"].as_py(), extremes["max"].as_py()
    if least is None or ((low is None or least >= low) and (high is None or most <= high)):
        return
    outside = _outside(column, low, high)
    for row in _rows(outside):
        yield Bad(
            row,
            Reason.OUT_OF_RANGE,
            f"found {column[row].as_py()} in field {constraint.field}; expected {_range(low, high)}",
        )


def _sizes(column: pa.Array, constraint: Constraint) -> Iterator[Bad]:
    most = constraint.max_items
    if most is None or not len(column):
        return
    sizes = np.diff(column.offsets.to_numpy())
    if sizes.max() <= most:
        return
    for row in np.flatnonzero((sizes > most) & _present(column)).tolist():
        message = f"found {sizes[row]} entries in field {constraint.field}; expected at most {most}"
        yield Bad(row, Reason.TOO_MANY_ITEMS, message)


def _lengths(texts: pa.Array, parent: pa.Array | None, constraint: Constraint, what: str) -> Iterator[Bad]:
    """Texts outside of the bounds on their bytes; those of a list or map column `parent` count for its rows."""
    low, high = constraint.min_length, constraint.max_length
    if (low is None and high is None) or not len(texts):
        return
    if low:
        yield from _nul_characters(texts, parent, constraint, what)
    lengths = pc.binary_length(texts)
    extremes = pc.min_max(lengths)
    least, most = extremes["min"].as_py(), extremes["max"].as_py()
    if least is None or ((low is None or least >= low) and (high is None or most <= high)):
        return
    for at in _rows(_outside(lengths, low, high)):
        length = lengths[at].as_py()
        reason = Reason.TOO_LONG if high is not None and length > high else Reason.TOO_SHORT
        row = at if parent is None else _parent(parent, at)
        if row is not None:
            text = quoted(texts[at].as_py())
            expected = _range(low, high)
            yield Bad(
                row, reason, f"found {length} bytes in {what} {constraint.field} ({text}); expected {expected} bytes"
            )


def _nul_characters(texts: pa.Array, parent: pa.Array | None, constraint: Constraint, what: str) -> Iterator[Bad]:
    """Ids, which may not be empty, hold no NUL either: fixed-width state would cut it off, and make two ids one."""
    held = pc.match_substring(texts, "\0")
    if pc.any(held).as_py() is not True:
        return
    for at in _rows(held):
        row = at if parent is None else _parent(parent, at)
        if row is not None:
            text = quoted(texts[at].as_py())
            yield Bad(
                row,
                Reason.NUL_CHARACTER,
                f"found a NUL in {what} {constraint.field} ({text}); expected an id without",
            )


def _parent(column: pa.Array, at: int) -> int | None:
    """The row of a list or map column that an element belongs to; None where no row of a slice holds it."""
    offsets = column.offsets.to_numpy()
    row = int(np.searchsorted(offsets, at, side="right")) - 1
    return row if 0 <= row < len(column) and column[row].is_valid else None


def _outside(column: pa.Array, low: Any, high: Any) -> pa.Array:
    outside = [pc.less(column, low)] if low is not None else []
    if high is not None:
        outside.append(pc.greater(column, high))
    return outside[0] if len(outside) == 1 else pc.or_(*outside)


def _rows(mask: pa.Array) -> list[int]:
    rows: list[int] = np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False)).tolist()
    return rows


def _present(column: pa.Array) -> npt.NDArray[np.bool_]:
    present: npt.NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return present


def _range(low: Any, high: Any) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"{low} to {high}"
