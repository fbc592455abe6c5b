"""State as columns: a fixed-width row a key, in one NumPy array that compiled kernels write to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.row_layout import LAYOUT_ID_BYTES, RowLayout
from topics.state.base import LAYOUT_KEY_PREFIX, Changes
from topics.state.blocks import (
    KEY_FIELD,
    keys_of_block,
    metadata_of,
    new_block,
    refuse_known_keys,
    refuse_open_span,
    refuse_other_columns,
)
from topics.state.key_index import KEY_BYTES_ESTIMATE, KeyIndex
from topics.state.layouts import AT_ONCE_BYTES, HEADER_BYTES, ROW_MARK, Layouts

NEVER = np.iinfo(np.int64).max
FIRST_CAPACITY = 1024
UNKNOWN_BYTES_ESTIMATE = 150
"""What a value kept beside a row takes on top of its own bytes."""
KIND = "columns"
UNKNOWN_FIELD = pa.field("unknown", pa.binary())

Int64s = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]


class _PreImage(NamedTuple):
    rows: Int64s
    images: Rows


class ColumnState:
    """The rows of one partition.

    `rows` is `dtype[capacity]`; a row's number stays the same while its key lives. Ask `row_numbers` or `due` for
    numbers before writing: that is what allocates, keeps pre-images and marks the rows as changed. Read `rows` anew
    after it: growing makes another array. Memory that no row has used yet is never touched, so that capacity costs
    address space only.
    """

    def __init__(self, layout: RowLayout) -> None:
        self.layout = layout
        self._layouts = Layouts(layout)
        # As bytes a row is copied at once; with its columns NumPy copies it column by column.
        self._opaque = np.dtype((np.void, layout.dtype.itemsize))
        self._blank = layout.blank.view(self._opaque)
        self._at_once = max(1, AT_ONCE_BYTES // self._opaque.itemsize)
        self._index = KeyIndex()
        self._unknown: dict[int, bytes] = {}
        self.rows: Rows = np.zeros(0, layout.dtype)
        self._due: Int64s = np.zeros(0, np.int64)
        self._logged = np.zeros(0, np.bool_)
        self._touched = np.zeros(0, np.bool_)
        self._reserve(FIRST_CAPACITY)
        self._earliest_due = NEVER
        self._unsettled: list[Int64s] = []
        self._pre_images: list[_PreImage] = []
        self._allocated: list[Int64s] = []
        self._released: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._index)

    @property
    def changed(self) -> bool:
        """Whether the open span touched any row."""
        return bool(self._pre_images or self._allocated or self._released)

    @property
    def memory_bytes(self) -> int:
        """Bytes held for rows and keys, estimated."""
        rows = self._index.used * self._opaque.itemsize
        beside = sum(map(len, self._unknown.values())) + len(self._unknown) * UNKNOWN_BYTES_ESTIMATE
        small = self._due.nbytes + self._logged.nbytes + self._touched.nbytes
        return rows + beside + small + len(self._index) * KEY_BYTES_ESTIMATE

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
        return [self._key(number) for number in numbers.tolist()]

    def due(self, watermark: int) -> Int64s:
        """Rows whose `due` column is at or before the watermark, ascending; they become part of the open span."""
        self._settle()
        if watermark < self._earliest_due:
            return np.empty(0, np.int64)
        waiting = self._due[: self._index.used]
        numbers = np.flatnonzero(waiting <= watermark)
        self._earliest_due = int(waiting.min(initial=NEVER))
        self._touch(numbers)
        return numbers

    def release(self, numbers: Int64s) -> None:
        """Give rows back; their keys are deleted. The numbers are used again only after the span is kept."""
        self._settle()
        for number in numbers.tolist():
            self._released.append((number, self._key(number)))
            self._index.unlink(number)
        self._due[numbers] = NEVER

    def changes(self) -> Changes:
        """What the open span changed: layouts not described yet, tombstones of released keys, rows as they stand."""
        live = self._live_touched()
        told = self._layouts.descriptions(self._layouts_of(live))
        gone = [key for number, key in self._released if self._logged[number] and key not in self._index]
        keys = [key for key, _ in told] + gone + self.keys_of(live)
        return Changes(keys, [*(text for _, text in told), *([None] * len(gone)), *self._records(live)])

    def keep(self) -> None:
        """The span committed."""
        live = self._live_touched()
        self._settle()
        self._layouts.logged(self._layouts_of(live))
        self._logged[live] = True
        self._free([number for number, _ in self._released])
        self._end_span()

    def take_back(self) -> None:
        """The span failed: rows, keys and deadlines are again what they were at its beginning."""
        for numbers, images in self._pre_images:
            self._raw[numbers] = images
            self._unsettled.append(numbers)
        self._settle()
        born = [number for numbers in self._allocated for number in numbers.tolist()]
        for number in born:
            self._index.unlink(number)
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
        records = cast("dict[str, bytes]", {key: value for key, value in last.items() if value is not None})
        if self._layouts.are_own(records.values()):
            self._load_own(records)
        else:
            self._load_mixed(records)

    def block(self) -> pa.RecordBatch:
        """Every key and its row.

        Columns: `key`, `row` (the bytes of a row), `unknown` (what other versions wrote, null where there is none);
        metadata: the layout's id, and all layouts that the changelog describes.
        """
        refuse_open_span(self, self.layout.name)
        numbers = self._index.numbers()
        rows = np.ascontiguousarray(self._raw[numbers]).view(np.uint8)
        row = _row_field(self.layout)
        columns = {
            KEY_FIELD: pa.array(list(self._index), pa.string()),
            row: pa.FixedSizeBinaryArray.from_buffers(row.type, len(numbers), [None, pa.py_buffer(rows)]),
            UNKNOWN_FIELD: pa.array(map(self._unknown.get, numbers.tolist()), pa.binary(), size=len(numbers))
            if self._unknown
            else pa.nulls(len(numbers), pa.binary()),
        }
        layout_id = self.layout.layout_id.hex()
        return new_block(KIND, self.layout.name, columns, layout=layout_id, layouts=self._layouts.as_json())

    def load_block(self, block: pa.RecordBatch) -> None:
        """Take a block, or slices of one, into an empty state.

        Raises RestoreFailed for a block of another state, or of a layout that it does not describe.
        """
        name = self.layout.name
        metadata = metadata_of(block, KIND, name)
        written = self._layouts.of_block(metadata)
        refuse_other_columns(block, name, [KEY_FIELD, _row_field(written), UNKNOWN_FIELD])
        keys, unknown = keys_of_block(block, name), block.column("unknown")
        refuse_known_keys(self._index, keys, name)
        if written is self.layout and unknown.null_count == len(unknown):
            first = self._index.used
            self._index.extend(keys)
            self._reserve(self._index.used)
            self._write(np.arange(first, first + len(keys)), _opaque_rows(block.column("row"), self._opaque))
        else:
            header = ROW_MARK + written.layout_id
            rows, beside = block.column("row").to_pylist(), unknown.to_pylist()
            records = [header + row + (more or b"") for row, more in zip(rows, beside, strict=True)]
            self._load_mixed(dict(zip(keys, records, strict=True)))

    @property
    def _raw(self) -> Rows:
        return self.rows.view(self._opaque)

    def _key(self, number: int) -> str:
        key = self._index.key(number)
        if key is None:
            raise LookupError(f"state {self.layout.name}: row {number} is not in use")
        return key

    def _begin(self, taken: Int64s) -> None:
        """Rows of the open span that were free: they hold the defaults, and need no pre-image."""
        if len(taken):
            self._reserve(self._index.used)
            self._raw[taken] = self._blank
            self._touched[taken] = True
            self._allocated.append(taken)

    def _touch(self, numbers: Int64s) -> None:
        fresh = numbers[~self._touched[numbers]]
        if len(fresh):
            self._touched[fresh] = True
            self._pre_images.append(_PreImage(fresh, self._raw[fresh]))
        self._unsettled.append(numbers)

    def _settle(self) -> None:
        if self._unsettled:
            self._set_due(np.concatenate(self._unsettled))
            self._unsettled.clear()

    def _set_due(self, numbers: Int64s) -> None:
        due = self.rows[self.layout.due][numbers]
        self._due[numbers] = waiting = np.where(due > 0, due, NEVER)
        self._earliest_due = min(self._earliest_due, int(waiting.min(initial=NEVER)))

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
        width = HEADER_BYTES + self._opaque.itemsize
        framed = np.empty((min(self._at_once, len(numbers)), width), np.uint8)
        framed[:, :HEADER_BYTES] = np.frombuffer(self._layouts.header, np.uint8)
        whole = framed.view(np.dtype((np.void, width))).reshape(-1)
        records: list[bytes] = []
        raw = self._raw
        for begin in range(0, len(numbers), self._at_once):
            rows = raw[numbers[begin : begin + self._at_once]]
            framed[: len(rows), HEADER_BYTES:] = rows.view(np.uint8).reshape(len(rows), -1)
            records += whole[: len(rows)].tolist()
        if self._unknown:
            beside = map(self._unknown.get, numbers.tolist())
            records = [record + (more or b"") for record, more in zip(records, beside, strict=True)]
        return records

    def _end_span(self) -> None:
        for numbers in [*(image.rows for image in self._pre_images), *self._allocated]:
            self._touched[numbers] = False
        self._pre_images.clear()
        self._allocated.clear()
        self._released.clear()

    def _load_own(self, records: Mapping[str, bytes]) -> None:
        numbers = self._find_or_take(list(records))
        values = list(records.values())
        framed = np.dtype([("header", f"V{HEADER_BYTES}"), ("row", self._opaque)])
        for begin in range(0, len(values), self._at_once):
            some = np.frombuffer(b"".join(values[begin : begin + self._at_once]), framed)
            self._write(numbers[begin : begin + self._at_once], some["row"])
        self._drop_unknown(numbers.tolist())

    def _load_mixed(self, records: dict[str, bytes]) -> None:
        for key in [key for key in records if key.startswith(LAYOUT_KEY_PREFIX)]:
            self._layouts.describe(key, records.pop(key))
        own = {key: value for key, value in records.items() if self._layouts.are_own([value])}
        self._load_own(own)
        for part in self._layouts.place({key: value for key, value in records.items() if key not in own}):
            numbers = self._find_or_take(part.keys)
            self._write(numbers, part.rows.view(self._opaque))
            self._drop_unknown(numbers.tolist())
            if part.unknown:
                self._unknown.update(zip(numbers.tolist(), part.unknown, strict=True))

    def _find_or_take(self, keys: Sequence[str]) -> Int64s:
        numbers, _ = self._index.find_or_take(keys)
        self._reserve(self._index.used)
        return numbers

    def _write(self, numbers: Int64s, rows: Rows) -> None:
        """Rows as the changelog has them."""
        self._raw[numbers] = rows
        self._logged[numbers] = True
        self._set_due(numbers)

    def _forget(self, keys: Sequence[str]) -> None:
        numbers = [number for key in keys if (number := self._index.get(key)) is not None]
        for number in numbers:
            self._index.unlink(number)
        self._free(numbers)

    def _free(self, numbers: list[int]) -> None:
        """Rows whose keys are gone may be taken again."""
        self._due[numbers] = NEVER
        self._logged[numbers] = False
        self._drop_unknown(numbers)
        self._index.give_back(numbers)

    def _drop_unknown(self, numbers: list[int]) -> None:
        for number in numbers if self._unknown else ():
            self._unknown.pop(number, None)

    def _reserve(self, used: int) -> None:
        """Have room for the numbers below `used`."""
        old = len(self.rows)
        if used <= old:
            return
        new = max(used, 2 * old, FIRST_CAPACITY)
        rows = np.zeros(new, self.layout.dtype)
        rows.view(self._opaque)[:old] = self._raw
        self.rows = rows
        self._due = np.concatenate([self._due, np.full(new - old, NEVER, np.int64)])
        self._logged = np.concatenate([self._logged, np.zeros(new - old, np.bool_)])
        self._touched = np.concatenate([self._touched, np.zeros(new - old, np.bool_)])


def _row_field(layout: RowLayout) -> pa.Field:
    return pa.field("row", pa.binary(layout.dtype.itemsize), nullable=False)


def _opaque_rows(column: pa.FixedSizeBinaryArray, opaque: np.dtype[np.void]) -> Rows:
    """The rows of a column without nulls, `opaque[n]`, not copied."""
    whole = np.frombuffer(column.buffers()[1], opaque) if len(column) else np.empty(0, opaque)
    return whole[column.offset : column.offset + len(column)]
