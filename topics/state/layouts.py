"""Rows of other versions: which layouts a changelog describes, and how their rows become rows of this version's.

Columns are matched by name. What a row of another version has and this one lacks is kept beside the row as a row of a
layout of its own, of just those columns, and is written back behind the row; what it lacks begins with the default.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.errors import SchemaError
from schemas.row_layout import LAYOUT_ID_BYTES, Column, RowLayout, described, description_id
from topics.errors import RestoreFailed
from topics.state.base import LAYOUT_KEY_PREFIX
from topics.state.blocks import BEGIN_ANEW

log = logging.getLogger(__name__)

ROW_MARK = b"LR"
HEADER_BYTES = len(ROW_MARK) + LAYOUT_ID_BYTES
AT_ONCE_BYTES = 2**20
"""Rows are joined and cut in pieces of about this size, so that they are still in the processor's cache."""

Rows = npt.NDArray[np.void]
Numbers = npt.NDArray[np.int64]

OTHERWISE = (
    "run the version that wrote it, or delete the changelog topic and the group's offsets, run `lam topics apply`, and "
    "begin with empty state"
)


class Part(NamedTuple):
    """Some keys and their rows in the own layout, with what is kept beside each."""

    keys: list[str]
    rows: Rows
    unknown: list[bytes] | None


@dataclass(frozen=True)
class Placement:
    """How rows of one or two layouts that lie behind each other become rows of another."""

    sources: tuple[RowLayout, ...]
    target: RowLayout

    @cached_property
    def known(self) -> list[tuple[int, str]]:
        """The place of a source, and the name of a column that the target has too."""
        return [(place, column.name) for place, column in self._found if column.name in self._expected]

    @cached_property
    def unknown(self) -> RowLayout | None:
        """The columns that the target has not, as a layout of their own."""
        columns = tuple(column for _, column in self._found if column.name not in self._expected)
        return RowLayout(self.target.name, columns, due="") if columns else None

    @property
    def missing(self) -> list[Column]:
        """The target's columns that no source has."""
        found = {column.name for _, column in self._found}
        return [column for column in self.target.columns if column.name not in found]

    @cached_property
    def framed(self) -> np.dtype[np.void]:
        """A record of these layouts."""
        fields: list[tuple[str, str]] = [("mark", f"V{len(ROW_MARK)}")]
        for place, source in enumerate(self.sources):
            fields += [(f"id{place}", f"V{LAYOUT_ID_BYTES}"), (f"row{place}", f"V{source.dtype.itemsize}")]
        return np.dtype(fields)

    def refuse_changed_columns(self) -> None:
        """Raises RestoreFailed where a column of the target has another type in a source."""
        for _, column in self._found:
            wanted = self._expected.get(column.name, column)
            if not wanted.holds_as(column):
                raise RestoreFailed(
                    f"state {self.target.name}: rows were written with column {column.name} as {column.dtype} of shape "
                    f"{column.shape}, expected {wanted.dtype} of shape {wanted.shape}: a column that holds something "
                    f"else is another column; give it a name of its own in the layout, or {OTHERWISE}"
                )

    def place(self, values: Sequence[bytes]) -> tuple[Rows, list[bytes] | None]:
        """Records of these layouts as rows of the target, `dtype[n]`, and what is to be kept beside each."""
        records = np.frombuffer(b"".join(values), self.framed)
        parts = [
            np.ascontiguousarray(records[f"row{place}"]).view(source.dtype) for place, source in enumerate(self.sources)
        ]
        rows = np.repeat(self.target.blank, len(records))
        for place, name in self.known:
            rows[name] = parts[place][name]
        return rows, self._beside(parts)

    def _beside(self, parts: list[Rows]) -> list[bytes] | None:
        if self.unknown is None:
            return None
        beside = np.zeros(len(parts[0]), self.unknown.dtype)
        for place, column in self._found:
            if column.name not in self._expected:
                beside[column.name] = parts[place][column.name]
        framed = np.empty((len(beside), LAYOUT_ID_BYTES + beside.itemsize), np.uint8)
        framed[:, :LAYOUT_ID_BYTES] = np.frombuffer(self.unknown.layout_id, np.uint8)
        framed[:, LAYOUT_ID_BYTES:] = beside.view(np.uint8).reshape(len(beside), -1)
        cut: list[bytes] = framed.view(np.dtype((np.void, framed.shape[1]))).reshape(-1).tolist()
        return cut

    @cached_property
    def _expected(self) -> dict[str, Column]:
        return {column.name: column for column in self.target.columns}

    @cached_property
    def _found(self) -> list[tuple[int, Column]]:
        found: dict[str, tuple[int, Column]] = {}
        for place, source in enumerate(self.sources):
            for column in source.columns:
                found.setdefault(column.name, (place, column))
        return list(found.values())


class Layouts:
    """The layouts that matter to one state: its own, and those that its changelog describes."""

    def __init__(self, own: RowLayout) -> None:
        self.own = own
        self.header = ROW_MARK + own.layout_id
        self.plain_bytes = HEADER_BYTES + own.dtype.itemsize
        self._known: dict[bytes, RowLayout] = {own.layout_id: own}
        self._logged: set[bytes] = set()
        self._placements: dict[tuple[bytes, ...], Placement] = {}

    def are_own(self, values: Iterable[bytes]) -> bool:
        """Whether each is a row of the own layout with nothing beside it."""
        values = list(values)
        return set(map(len, values)) <= {self.plain_bytes} and all(map(bytes.startswith, values, repeat(self.header)))

    def describe(self, key: str, description: bytes) -> None:
        """Take a description from the changelog.

        Raises RestoreFailed where it describes no layout, or another one than its key says.
        """
        try:
            layout = described(self.own.name, description)
        except SchemaError as error:
            raise RestoreFailed(f"state {self.own.name}: {error}; {OTHERWISE}") from error
        found = description_id(description)
        if key != LAYOUT_KEY_PREFIX + found.hex():
            raise RestoreFailed(
                f"state {self.own.name}: the description under key {key!r} is that of layout {found.hex()}; {OTHERWISE}"
            )
        self._known.setdefault(found, layout)
        self._logged.add(found)

    def descriptions(self, ids: Iterable[bytes]) -> list[tuple[str, bytes]]:
        """Changelog records that describe those of the layouts that the changelog does not describe yet."""
        return [
            (LAYOUT_KEY_PREFIX + one.hex(), self._known[one].description) for one in sorted(set(ids) - self._logged)
        ]

    def logged(self, ids: Iterable[bytes]) -> None:
        """The changelog describes these now."""
        self._logged.update(ids)

    def of_block(self, metadata: Mapping[str, str]) -> RowLayout:
        """The layout of the rows of a block, after taking all descriptions that it brings.

        Raises RestoreFailed for what describes no layout, or for rows of one that is not described.
        """
        described_here = json.loads(metadata.get("layouts", "{}"))
        for key, text in described_here.items():
            self.describe(key, text.encode())
        layout = self._known.get(bytes.fromhex(metadata.get("layout", "")))
        if layout is None:
            raise RestoreFailed(
                f"state {self.own.name}: a block holds rows of layout {metadata.get('layout')}, expected "
                f"{self.own.layout_id.hex()} or one of those it describes ({', '.join(described_here) or 'none'}); "
                f"{BEGIN_ANEW}"
            )
        return layout

    def as_json(self) -> str:
        """All that the changelog describes, by key."""
        return json.dumps(
            {LAYOUT_KEY_PREFIX + one.hex(): self._known[one].description.decode() for one in sorted(self._logged)}
        )

    def place(self, values: Mapping[str, bytes]) -> Iterator[Part]:
        """Records of any described layout, some at a time, as rows of the own one.

        Raises RestoreFailed for what cannot be read.
        """
        by_layouts: dict[tuple[bytes, ...], list[str]] = {}
        for key, value in values.items():
            by_layouts.setdefault(self._layouts_of(key, value), []).append(key)
        for ids, keys in by_layouts.items():
            placement = self._placement(ids)
            at_once = max(1, AT_ONCE_BYTES // placement.framed.itemsize)
            for begin in range(0, len(keys), at_once):
                some = keys[begin : begin + at_once]
                yield Part(some, *placement.place([values[key] for key in some]))

    def _layouts_of(self, key: str, value: bytes) -> tuple[bytes, ...]:
        """The layouts of the one or two rows that a record holds."""
        if not value.startswith(ROW_MARK):
            raise self._unread(key, value, "begins with", value[:HEADER_BYTES].hex() or "nothing")
        ids: list[bytes] = []
        end = len(ROW_MARK)
        while end < len(value) and len(ids) <= 2:
            one = value[end : end + LAYOUT_ID_BYTES]
            layout = self._known.get(one)
            if layout is None:
                raise self._unread(key, value, "is of another layout, which nothing before it describes:", one.hex())
            ids.append(one)
            end += LAYOUT_ID_BYTES + layout.dtype.itemsize
        if end != len(value) or len(ids) not in (1, 2):
            raise self._unread(key, value, f"of layout {'+'.join(one.hex() for one in ids)} has", f"{len(value)} bytes")
        return tuple(ids)

    def _placement(self, ids: tuple[bytes, ...]) -> Placement:
        placement = self._placements.get(ids)
        if placement is None:
            placement = Placement(tuple(self._known[one] for one in ids), self.own)
            placement.refuse_changed_columns()
            if placement.unknown is not None:
                self._known.setdefault(placement.unknown.layout_id, placement.unknown)
            self._placements[ids] = placement
            self._tell(placement)
        return placement

    def _tell(self, placement: Placement) -> None:
        missing = [column.name + (f" (since {column.since})" if column.since else "") for column in placement.missing]
        beside = [column.name for column in placement.unknown.columns] if placement.unknown else []
        log.info(
            "state %s: rows of layout %s become rows of %s; columns that begin with their default: %s; columns of "
            "another version, kept beside the rows: %s",
            self.own.name,
            "+".join(source.layout_id.hex() for source in placement.sources),
            self.own.layout_id.hex(),
            ", ".join(missing) or "none",
            ", ".join(beside) or "none",
        )

    def _unread(self, key: str, value: bytes, what: str, found: str) -> RestoreFailed:
        return RestoreFailed(
            f"state {self.own.name}: the changelog row of key {key!r} ({len(value)} bytes) {what} {found}, expected "
            f"{self.header.hex()} and {self.plain_bytes} bytes, or a layout described before it; {OTHERWISE}"
        )
