"""State as columns: a fixed-width row a key, in one NumPy array that compiled kernels write to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.row_layout import LAYOUT_ID_BYTES, RowLayout
from topics.errors import RestoreFailed
from topics.state.base import Changes

ROW_MARK = b"LR"
HEADER_BYTES = len(ROW_MARK) + LAYOUT_ID_BYTES
NEVER = np.iinfo(np.int64).max
FIRST_CAPACITY = 1024
KEY_BYTES_ESTIMATE = 150
"""A key's string, its place in the index and in the list of keys."""

Int64s = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]


class _PreImage(NamedTuple):
    rows: Int64s
    images: Rows


class ColumnState:
    """The rows of one partition.

    `rows` is `dtype[capacity]`; a row's number stays the same while its key lives. Ask `row_numbers` or `due` for
    numbers before writing: that is what allocates, keeps pre-images and marks the rows as changed.
    """

    def __init__(self, layout: RowLayout) -> None:
        self.layout = layout
        self.rows: Rows = np.repeat(layout.blank, FIRST_CAPACITY)
        self._due: Int64s = np.full(FIRST_CAPACITY, NEVER, np.int64)
        self._earliest_due = NEVER
        self._numbers: dict[str, int] = {}
        self._keys: list[str | None] = [None] * FIRST_CAPACITY
        self._free: list[int] = list(range(FIRST_CAPACITY - 1, -1, -1))
        self._logged = np.zeros(FIRST_CAPACITY, np.bool_)
        self._touched = np.zeros(FIRST_CAPACITY, np.bool_)
        self._unsettled: list[Int64s] = []
        self._pre_images: list[_PreImage] = []
        self._allocated: list[int] = []
        self._released: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def changed(self) -> bool:
        """Whether the open span touched any row."""
        return bool(self._pre_images or self._released)

    @property
    def memory_bytes(self) -> int:
        """Bytes held for rows and keys, estimated."""
        arrays = self.rows.nbytes + self._due.nbytes + self._logged.nbytes + self._touched.nbytes
        return arrays + len(self._numbers) * KEY_BYTES_ESTIMATE

    def row_numbers(self, keys: pa.Array) -> Int64s:
        """The row of each key, int64[n], allocated where the key is new.

        `keys` is a string array without nulls. The rows become part of the open span.
        """
        encoded = keys.dictionary_encode()
        distinct: list[str] = encoded.dictionary.to_pylist()
        find = self._numbers.get
        found = [find(key, -1) for key in distinct]
        for position, number in enumerate(found):
            if number < 0:
                found[position] = self._allocate(distinct[position])
        numbers = np.array(found, np.int64)
        self._touch(numbers)
        row_of_key: Int64s = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
        return row_of_key

    def find(self, key: str) -> Rows | None:
        """A copy of the key's row, or None: for people who look, outside any span."""
        number = self._numbers.get(key)
        return None if number is None else self.rows[number : number + 1].copy()

    def __iter__(self) -> Iterator[str]:
        """Every key, in no particular order."""
        return iter(self._numbers)

    def keys_of(self, numbers: Int64s) -> list[str]:
        """The keys of rows that are in use."""
        keys = self._keys
        found = [keys[number] for number in numbers.tolist()]
        if None in found:
            raise LookupError(f"state {self.layout.name}: row {numbers[found.index(None)]} is not in use")
        return cast("list[str]", found)

    def due(self, watermark: int) -> Int64s:
        """Rows whose `due` column is at or before the watermark, ascending; they become part of the open span."""
        self._settle()
        if watermark < self._earliest_due:
            return np.empty(0, np.int64)
        numbers = np.flatnonzero(self._due <= watermark)
        self._earliest_due = self._due.min()
        self._touch(numbers)
        return numbers

    def release(self, numbers: Int64s) -> None:
        """Give rows back; their keys are deleted. The numbers are used again only after the span is kept."""
        self._settle()
        for number in numbers.tolist():
            key = self._key(number)
            del self._numbers[key]
            self._keys[number] = None
            self._released.append((number, key))
        self._due[numbers] = NEVER

    def changes(self) -> Changes:
        """What the open span changed: tombstones of released keys, then the rows as they stand."""
        gone = [key for number, key in self._released if self._logged[number] and key not in self._numbers]
        live = self._live_touched()
        keys = self.keys_of(live)
        width = HEADER_BYTES + self.layout.dtype.itemsize
        framed = np.empty((len(live), width), np.uint8)
        framed[:, :HEADER_BYTES] = np.frombuffer(ROW_MARK + self.layout.layout_id, np.uint8)
        framed[:, HEADER_BYTES:] = self.rows[live].view(np.uint8).reshape(len(live), self.layout.dtype.itemsize)
        # As bytes that stand for a row each: a copy less than cutting a block.
        values: list[bytes] = framed.view(np.dtype((np.void, width))).reshape(-1).tolist()
        return Changes(gone + keys, [None] * len(gone) + values)

    def keep(self) -> None:
        """The span committed."""
        live = self._live_touched()
        self._settle()
        self._logged[live] = True
        for number, _ in self._released:
            self._logged[number] = False
            self.rows[number] = self.layout.blank[0]
            self._free.append(number)
        self._end_span()

    def take_back(self) -> None:
        """The span failed: rows, keys and deadlines are again what they were at its beginning."""
        for numbers, images in self._pre_images:
            self.rows[numbers] = images
            self._unsettled.append(numbers)
        for number in self._allocated:
            key = self._keys[number]
            if key is not None:
                del self._numbers[key]
                self._keys[number] = None
            self._free.append(number)
        born_here = set(self._allocated)
        for number, key in self._released:
            if number not in born_here:
                self._keys[number] = key
                self._numbers[key] = number
        self._settle()
        self._end_span()

    def load(self, keys: Sequence[str], values: Sequence[bytes | None]) -> None:
        """Take changelog records, in order.

        Raises RestoreFailed for a value of another layout: its columns cannot be placed.
        """
        last = dict(zip(keys, values, strict=True))
        for key in [key for key, value in last.items() if value is None]:
            del last[key]
            number = self._numbers.pop(key, None)
            if number is not None:
                self._forget(number)
        if not last:
            return
        width = HEADER_BYTES + self.layout.dtype.itemsize
        header = ROW_MARK + self.layout.layout_id
        for key, value in last.items():
            if value is None or len(value) != width or not value.startswith(header):
                found = value[:HEADER_BYTES].hex() if value else "nothing"
                raise RestoreFailed(
                    f"state {self.layout.name}: the changelog row of key {key!r} begins with {found}, expected "
                    f"{header.hex()} and {width} bytes: it was written with another layout of the row; run the version "
                    "that wrote it, or delete the changelog topic and the group's offsets, run `lam topics apply`, and "
                    "begin with empty state"
                )
        block = np.frombuffer(b"".join(value for value in last.values() if value), np.uint8).reshape(-1, width)
        images = np.ascontiguousarray(block[:, HEADER_BYTES:]).view(self.layout.dtype).reshape(-1)
        find = self._numbers.get
        numbers = np.array([self._take_free(key) if (known := find(key)) is None else known for key in last], np.int64)
        self.rows[numbers] = images
        self._logged[numbers] = True
        self._unsettled.append(numbers)
        self._settle()

    def _key(self, number: int) -> str:
        key = self._keys[number]
        if key is None:
            raise LookupError(f"state {self.layout.name}: row {number} is not in use")
        return key

    def _allocate(self, key: str) -> int:
        number = self._take_free(key)
        self._allocated.append(number)
        return number

    def _take_free(self, key: str) -> int:
        if not self._free:
            self._grow()
        number = self._free.pop()
        self._numbers[key] = number
        self._keys[number] = key
        return number

    def _forget(self, number: int) -> None:
        self._keys[number] = None
        self.rows[number] = self.layout.blank[0]
        self._due[number] = NEVER
        self._logged[number] = False
        self._free.append(number)

    def _grow(self) -> None:
        old = len(self.rows)
        self.rows = np.concatenate([self.rows, np.repeat(self.layout.blank, old)])
        self._due = np.concatenate([self._due, np.full(old, NEVER, np.int64)])
        self._logged = np.concatenate([self._logged, np.zeros(old, np.bool_)])
        self._touched = np.concatenate([self._touched, np.zeros(old, np.bool_)])
        self._keys.extend([None] * old)
        self._free.extend(range(2 * old - 1, old - 1, -1))

    def _touch(self, numbers: Int64s) -> None:
        fresh = numbers[~self._touched[numbers]]
        if len(fresh):
            self._touched[fresh] = True
            self._pre_images.append(_PreImage(fresh, self.rows[fresh]))
        self._unsettled.append(numbers)

    def _settle(self) -> None:
        for numbers in self._unsettled:
            due = self.rows[self.layout.due][numbers]
            self._due[numbers] = np.where(due > 0, due, NEVER)
        if self._unsettled:
            settled = np.concatenate(self._unsettled)
            self._earliest_due = min(self._earliest_due, int(self._due[settled].min(initial=NEVER)))
            self._unsettled.clear()

    def _live_touched(self) -> Int64s:
        if not self._pre_images:
            return np.empty(0, np.int64)
        touched = np.concatenate([image.rows for image in self._pre_images])
        if not self._released:
            return touched
        gone = np.array([number for number, _ in self._released], np.int64)
        live: Int64s = touched[~np.isin(touched, gone)]
        return live

    def _end_span(self) -> None:
        for image in self._pre_images:
            self._touched[image.rows] = False
        self._pre_images.clear()
        self._allocated.clear()
        self._released.clear()
