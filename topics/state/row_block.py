"""Blocks of rows: `key`, `row` (the bytes of a row), `unknown` (what other versions wrote beside it, else null)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.row_layout import RowLayout
from topics.state.blocks import KEY_FIELD, metadata_of, new_block, refuse_other_columns
from topics.state.layouts import Layouts
from topics.state.placement import ROW_MARK, Rows

KIND = "columns"
UNKNOWN_FIELD = pa.field("unknown", pa.binary())


class RowBlock(NamedTuple):
    """What a block holds: rows of `layout`, as bytes that refer to the block, and what is beside each."""

    layout: RowLayout
    keys: list[str]
    rows: Rows
    unknown: pa.Array

    def as_records(self) -> dict[str, bytes]:
        """The same as the changelog has it."""
        header = ROW_MARK + self.layout.layout_id
        pairs = zip(self.rows.tolist(), self.unknown.to_pylist(), strict=True)
        return dict(zip(self.keys, [header + row + (beside or b"") for row, beside in pairs], strict=True))


def block_of(layouts: Layouts, keys: list[str], rows: Rows, unknown: list[bytes | None] | None) -> pa.RecordBatch:
    """A block of rows of the own layout, `V[n]`, that refers to them; `unknown` None where nothing is beside any."""
    name, row = layouts.own.name, _row_field(layouts.own)
    columns = {
        KEY_FIELD: pa.array(keys, pa.string()),
        row: pa.FixedSizeBinaryArray.from_buffers(row.type, len(rows), [None, pa.py_buffer(rows.view(np.uint8))]),
        UNKNOWN_FIELD: pa.nulls(len(rows), pa.binary()) if unknown is None else pa.array(unknown, pa.binary()),
    }
    return new_block(KIND, name, columns, **layouts.as_metadata())


def rows_of(block: pa.RecordBatch, layouts: Layouts) -> RowBlock:
    """What a block holds, after taking the layouts that it describes.

    Raises RestoreFailed for a block of another state, or of rows of a layout that is not described.
    """
    name = layouts.own.name
    layout = layouts.of_block(metadata_of(block, KIND, name))
    refuse_other_columns(block, name, [KEY_FIELD, _row_field(layout), UNKNOWN_FIELD])
    column, width = block.column("row"), layout.dtype.itemsize
    rows = np.frombuffer(column.buffers()[1] or b"", np.dtype((np.void, width)), len(column), column.offset * width)
    return RowBlock(layout, block.column("key").to_pylist(), rows, block.column("unknown"))


def _row_field(layout: RowLayout) -> pa.Field:
    return pa.field("row", pa.binary(layout.dtype.itemsize), nullable=False)
