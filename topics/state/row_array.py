"""A growing array of rows, and what is known of each: when it is due, whether it is logged, whether it was touched."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from schemas.row_layout import RowLayout

NEVER = np.iinfo(np.int64).max
FIRST_CAPACITY = 1024
AT_ONCE_BYTES = 2**20
"""Rows are joined and cut in pieces of about this size, so that they are still in the processor's cache."""

Int64s = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
Flags = npt.NDArray[np.bool_]


class RowArray:
    """`rows`, `dtype[capacity]`; `due`, ms, NEVER where none is; `logged` and `touched`, `bool[capacity]`.

    Growing makes other arrays. Memory that no row has used yet is never touched, so that room costs address space only.
    """

    def __init__(self, layout: RowLayout) -> None:
        self._layout = layout
        # As bytes a row is copied at once; with its columns NumPy copies it column by column.
        self.opaque = np.dtype((np.void, layout.dtype.itemsize))
        self.at_once = max(1, AT_ONCE_BYTES // layout.dtype.itemsize)
        self._blank = layout.blank.view(self.opaque)
        self.rows: Rows = np.zeros(0, layout.dtype)
        self.due: Int64s = np.zeros(0, np.int64)
        self.logged: Flags = np.zeros(0, np.bool_)
        self.touched: Flags = np.zeros(0, np.bool_)
        self._earliest_due = NEVER
        self.reserve(FIRST_CAPACITY)

    def memory_bytes(self, used: int) -> int:
        """Bytes held where the rows below `used` were ever in use."""
        return used * self.opaque.itemsize + self.due.nbytes + self.logged.nbytes + self.touched.nbytes

    def reserve(self, used: int) -> None:
        """Have room for the rows below `used`."""
        old = len(self.rows)
        if used <= old:
            return
        more = max(used, 2 * old) - old
        # Zeros come from the system page by page, when a page is written to.
        rows = np.zeros(old + more, self._layout.dtype)
        rows.view(self.opaque)[:old] = self.rows.view(self.opaque)
        self.rows = rows
        self.due = np.concatenate([self.due, np.full(more, NEVER, np.int64)])
        self.logged = np.concatenate([self.logged, np.zeros(more, np.bool_)])
        self.touched = np.concatenate([self.touched, np.zeros(more, np.bool_)])

    def copy(self, numbers: Int64s) -> Rows:
        """The rows as bytes, `opaque[n]`."""
        copied: Rows = self.rows.view(self.opaque)[numbers]
        return copied

    def write(self, numbers: Int64s, images: Rows) -> None:
        """Set rows to such bytes."""
        self.rows.view(self.opaque)[numbers] = images

    def clear(self, numbers: Int64s) -> None:
        """Set rows to the defaults of their layout."""
        self.rows.view(self.opaque)[numbers] = self._blank

    def framed(self, numbers: Int64s, header: bytes) -> list[bytes]:
        """The rows as bytes behind a header each."""
        width = len(header) + self.opaque.itemsize
        frame = np.empty((min(self.at_once, len(numbers)), width), np.uint8)
        frame[:, : len(header)] = np.frombuffer(header, np.uint8)
        # As bytes that stand for a record each: a copy less than cutting a block.
        whole = frame.view(np.dtype((np.void, width))).reshape(-1)
        records: list[bytes] = []
        for begin in range(0, len(numbers), self.at_once):
            rows = self.copy(numbers[begin : begin + self.at_once])
            frame[: len(rows), len(header) :] = rows.view(np.uint8).reshape(len(rows), -1)
            records += whole[: len(rows)].tolist()
        return records

    def note_due(self, numbers: Int64s) -> None:
        """Take the due times from the rows."""
        due = self.rows[self._layout.due][numbers]
        self.due[numbers] = waiting = np.where(due > 0, due, NEVER)
        self._earliest_due = min(self._earliest_due, int(waiting.min(initial=NEVER)))

    def due_until(self, watermark: int, used: int) -> Int64s:
        """Those below `used` that are due at or before the watermark, ascending."""
        if watermark < self._earliest_due:
            return np.empty(0, np.int64)
        waiting = self.due[:used]
        self._earliest_due = int(waiting.min(initial=NEVER))
        return np.flatnonzero(waiting <= watermark)
