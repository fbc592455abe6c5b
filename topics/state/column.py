"""State as columns: a fixed-width row a key, in one NumPy array that compiled kernels write to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from schemas.row_layout import LAYOUT_ID_BYTES, RowLayout
from topics.state.base import LAYOUT_KEY_PREFIX, Changes
from topics.state.blocks import refuse_open_span, refuse_repeated_keys
from topics.state.key_index import KEY_BYTES_ESTIMATE, KeyIndex
from topics.state.layouts import Layouts
from topics.state.placement import HEADER_BYTES
from topics.state.row_array import NEVER, Int64s, RowArray, Rows
from topics.state.row_block import block_of, rows_of

UNKNOWN_BYTES_ESTIMATE = 150
"""What a value kept beside a row takes on top of its own bytes."""


class _PreImage(NamedTuple):
    rows: Int64s
    images: Rows


class ColumnState:
    """The rows of one partition.

    A row's number stays the same while its key lives. Ask `row_numbers` or `due` for numbers before writing to `rows`:
    that is what allocates, keeps pre-images and marks the rows as changed. Ask for `rows` after it: growing makes
    another array.
    """

    def __init__(self, layout: RowLayout) -> None:
        self.layout = layout
        self._layouts = Layouts(layout)
        self._array = RowArray(layout)
        self._index = KeyIndex()
        self._unknown: dict[int, bytes] = {}
        self._unsettled: list[Int64s] = []
        self._pre_images: list[_PreImage] = []
        self._allocated: list[Int64s] = []
        self._released: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._index)

    @property
    def rows(self) -> Rows:
        """The rows, `dtype[capacity]`."""
        return self._array.rows

    @property
    def changed(self) -> bool:
        """Whether the open span touched any row."""
        return bool(self._pre_images or self._allocated or self._released)

    @property
    def memory_bytes(self) -> int:
        """Bytes held for rows and keys, estimated."""
        # A list, since metrics are asked for while another thread restores.
        beside = sum(map(len, list(self._unknown.values()))) + len(self._unknown) * UNKNOWN_BYTES_ESTIMATE
        return self._array.memory_bytes(self._index.used) + beside + len(self._index) * KEY_BYTES_ESTIMATE

    def row_numbers(self, keys: pa.Array) -> Int64s:
        """The row of each key, int64[n], allocated where the key is new.

        `keys` is a string array without nulls. The rows become part of the open span.
        """
        encoded = keys.dictionary_encode()
        numbers, taken = self._index.find_or_take(encoded.dictionary.to_pylist())
        self._begin(taken)
        self._touch(numbers)
        row_of_key: Int64s = numbers[encoded.indices.to_numpy(zero_copy_only=False)]
        return row_of_key

    def find(self, key: str) -> Rows | None:
        """A copy of the key's row, or None: for people who look, outside any span."""
        number = self._index.get(key)
        return None if number is None else self.rows[number : number + 1].copy()

    def __iter__(self) -> Iterator[str]:
        """Every key, in no particular order."""
        return iter(self._index)

    def keys_of(self, numbers: Int64s) -> list[str]:
        """The keys of rows that are in use."""
        try:
            return self._index.keys(numbers)
        except LookupError as error:
            raise LookupError(f"state {self.layout.name}: {error}") from error

    def due(self, watermark: int) -> Int64s:
        """Rows whose `due` column is at or before the watermark, ascending; they become part of the open span."""
        self._settle()
        numbers = self._array.due_until(watermark, self._index.used)
        self._touch(numbers)
        return numbers

    def release(self, numbers: Int64s) -> None:
        """Give rows back; their keys are deleted. The numbers are used again only after the span is kept."""
        self._settle()
        self._released += zip(numbers.tolist(), self.keys_of(numbers), strict=True)
        self._index.unlink(numbers.tolist())
        self._array.due[numbers] = NEVER

    def changes(self) -> Changes:
        """What the open span changed: layouts not described yet, tombstones of released keys, rows as they stand."""
        live = self._live_touched()
        told = self._layouts.descriptions(self._layouts_of(live))
        gone = [key for number, key in self._released if self._array.logged[number] and key not in self._index]
        keys = [key for key, _ in told] + gone + self.keys_of(live)
        return Changes(keys, [*(text for _, text in told), *([None] * len(gone)), *self._records(live)])

    def keep(self) -> None:
        """The span committed."""
        live = self._live_touched()
        self._settle()
        self._layouts.logged(self._layouts_of(live))
        self._array.logged[live] = True
        self._free([number for number, _ in self._released])
        self._end_span()

    def take_back(self) -> None:
        """The span failed: rows, keys and deadlines are again what they were at its beginning."""
        for numbers, images in self._pre_images:
            self._array.write(numbers, images)
            self._unsettled.append(numbers)
        self._settle()
        born = [number for numbers in self._allocated for number in numbers.tolist()]
        self._index.unlink(born)
        born_here = set(born)
        for number, key in self._released:
            if number not in born_here:
                self._index.link(key, number)
        self._free(born)
        self._end_span()

    def load(self, keys: Sequence[str], values: Sequence[bytes | None]) -> None:
        """Take changelog records, in order.

        Raises RestoreFailed for a row whose layout is not described before it, or has a column of another type.
        """
        last = dict(zip(keys, values, strict=True))
        if None in last.values():
            self._forget([key for key, value in last.items() if value is None])
            last = {key: value for key, value in last.items() if value is not None}
        records = cast("dict[str, bytes]", last)
        if self._layouts.are_own(records.values()):
            self._load_own(records)
        else:
            self._load_mixed(records)

    def block(self) -> pa.RecordBatch:
        """Every key and its row, as `row_block` says.

        Raises RuntimeError inside a span.
        """
        refuse_open_span(self, self.layout.name)
        numbers = self._index.numbers()
        unknown = list(map(self._unknown.get, numbers.tolist())) if self._unknown else None
        return block_of(self._layouts, list(self._index), self._array.copy(numbers), unknown)

    def load_block(self, block: pa.RecordBatch) -> None:
        """Take a block, or slices of one, into an empty state.

        Raises RestoreFailed for a block of another state, or of a layout that it does not describe.
        """
        brought = rows_of(block, self._layouts)
        expected = len(self) + len(brought.keys)
        if brought.layout is self.layout and brought.unknown.null_count == len(brought.unknown):
            numbers = self._index.extend(brought.keys)
            self._array.reserve(self._index.used)
            self._write(numbers, brought.rows)
        else:
            self._load_mixed(brought.as_records())
        refuse_repeated_keys(len(self), expected, self.layout.name)

    def _begin(self, taken: Int64s) -> None:
        """Rows of the open span that were free: they hold the defaults, and need no pre-image."""
        if len(taken):
            self._array.reserve(self._index.used)
            self._array.clear(taken)
            self._array.touched[taken] = True
            self._allocated.append(taken)

    def _touch(self, numbers: Int64s) -> None:
        fresh = numbers[~self._array.touched[numbers]]
        if len(fresh):
            self._array.touched[fresh] = True
            self._pre_images.append(_PreImage(fresh, self._array.copy(fresh)))
        self._unsettled.append(numbers)

    def _settle(self) -> None:
        if self._unsettled:
            self._array.note_due(np.concatenate(self._unsettled))
            self._unsettled.clear()

    def _live_touched(self) -> Int64s:
        touched = [image.rows for image in self._pre_images] + self._allocated
        if not touched:
            return np.empty(0, np.int64)
        numbers = np.concatenate(touched)
        if not self._released:
            return numbers
        gone = np.array([number for number, _ in self._released], np.int64)
        live: Int64s = numbers[~np.isin(numbers, gone)]
        return live

    def _layouts_of(self, numbers: Int64s) -> set[bytes]:
        """The layouts that the records of these rows name."""
        if not len(numbers):
            return set()
        beside = map(self._unknown.get, numbers.tolist()) if self._unknown else ()
        return {self.layout.layout_id} | {one[:LAYOUT_ID_BYTES] for one in beside if one}

    def _records(self, numbers: Int64s) -> list[bytes]:
        """The rows as changelog records."""
        records = self._array.framed(numbers, self._layouts.header)
        if not self._unknown:
            return records
        beside = map(self._unknown.get, numbers.tolist())
        return [record + (more or b"") for record, more in zip(records, beside, strict=True)]

    def _end_span(self) -> None:
        for numbers in [*(image.rows for image in self._pre_images), *self._allocated]:
            self._array.touched[numbers] = False
        self._pre_images.clear()
        self._allocated.clear()
        self._released.clear()

    def _load_own(self, records: Mapping[str, bytes]) -> None:
        numbers = self._find_or_take(list(records))
        values = list(records.values())
        framed = np.dtype([("header", f"V{HEADER_BYTES}"), ("row", self._array.opaque)])
        for begin in range(0, len(values), self._array.at_once):
            some = np.frombuffer(b"".join(values[begin : begin + self._array.at_once]), framed)
            self._write(numbers[begin : begin + self._array.at_once], some["row"])
        self._drop_unknown(numbers.tolist())

    def _load_mixed(self, records: dict[str, bytes]) -> None:
        for key in [key for key in records if key.startswith(LAYOUT_KEY_PREFIX)]:
            self._layouts.describe(key, records.pop(key))
        own = {key: value for key, value in records.items() if self._layouts.is_own(value)}
        self._load_own(own)
        for part in self._layouts.place({key: value for key, value in records.items() if key not in own}):
            numbers = self._find_or_take(part.keys)
            self._write(numbers, part.rows.view(self._array.opaque))
            self._drop_unknown(numbers.tolist())
            if part.unknown:
                self._unknown.update(zip(numbers.tolist(), part.unknown, strict=True))

    def _find_or_take(self, keys: Sequence[str]) -> Int64s:
        numbers, _ = self._index.find_or_take(keys)
        self._array.reserve(self._index.used)
        return numbers

    def _write(self, numbers: Int64s, rows: Rows) -> None:
        """Rows as the changelog has them."""
        self._array.write(numbers, rows)
        self._array.logged[numbers] = True
        self._array.note_due(numbers)

    def _forget(self, keys: Sequence[str]) -> None:
        numbers = [number for key in keys if (number := self._index.get(key)) is not None]
        self._index.unlink(numbers)
        self._free(numbers)

    def _free(self, numbers: list[int]) -> None:
        """Rows whose keys are gone may be taken again."""
        self._array.due[numbers] = NEVER
        self._array.logged[numbers] = False
        self._drop_unknown(numbers)
        self._index.give_back(numbers)

    def _drop_unknown(self, numbers: list[int]) -> None:
        for number in numbers if self._unknown else ():
            self._unknown.pop(number, None)
