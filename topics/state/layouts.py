"""Which layouts of rows a changelog describes, and the reading of records of any of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import NamedTuple

from schemas.errors import SchemaError
from schemas.row_layout import LAYOUT_ID_BYTES, RowLayout, described, description_id
from topics.errors import RestoreFailed
from topics.state.base import LAYOUT_KEY_PREFIX
from topics.state.blocks import BEGIN_ANEW
from topics.state.placement import HEADER_BYTES, OTHERWISE, ROW_MARK, Placement, Rows
from topics.state.row_array import AT_ONCE_BYTES

log = logging.getLogger(__name__)


class Part(NamedTuple):
    """Some keys and their rows in the own layout, with what is kept beside each."""

    keys: list[str]
    rows: Rows
    unknown: list[bytes] | None


class Layouts:
    """The layouts that matter to one state: its own, and those that its changelog describes."""

    def __init__(self, own: RowLayout) -> None:
        self.own = own
        self.header = ROW_MARK + own.layout_id
        self.plain_bytes = HEADER_BYTES + own.dtype.itemsize
        self._known: dict[bytes, RowLayout] = {own.layout_id: own}
        self._logged: set[bytes] = set()
        self._placements: dict[tuple[bytes, ...], Placement] = {}

    def is_own(self, value: bytes) -> bool:
        """Whether it is a row of the own layout with nothing beside it."""
        return len(value) == self.plain_bytes and value.startswith(self.header)

    def are_own(self, values: Iterable[bytes]) -> bool:
        """The same for all of many."""
        values = list(values)
        return set(map(len, values)) <= {self.plain_bytes} and all(map(bytes.startswith, values, repeat(self.header)))

    def describe(self, key: str, description: bytes) -> None:
        """Take a description from the changelog.

        Raises RestoreFailed where it describes no layout, or another one than its key says.
        """
        self._logged.add(self._learn(key.removeprefix(LAYOUT_KEY_PREFIX), description))

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
        named = metadata.get("layout", "none")
        for one, description in self._descriptions_in(metadata).items():
            self._learn(one, str(description).encode())
        known = {one.hex(): one for one in self._known}
        logged = set(metadata.get("logged", "").split())
        if not known.keys() >= {named} | logged:
            raise RestoreFailed(
                f"state {self.own.name}: a block holds rows of layout {named} beside a changelog that describes "
                f"{', '.join(sorted(logged)) or 'none'}, expected one of those known here or described in it: "
                f"{', '.join(sorted(known))}; {BEGIN_ANEW}"
            )
        self._logged.update(known[one] for one in logged)
        return self._known[known[named]]

    def as_metadata(self) -> dict[str, str]:
        """What a block says of layouts: that of its rows, all that are known, those that the changelog describes."""
        known = {one.hex(): layout.description.decode() for one, layout in self._known.items()}
        return {
            "layout": self.own.layout_id.hex(),
            "layouts": json.dumps(known, sort_keys=True),
            "logged": " ".join(sorted(one.hex() for one in self._logged)),
        }

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

    def _learn(self, named: str, description: bytes) -> bytes:
        try:
            layout = described(self.own.name, description)
        except SchemaError as error:
            raise RestoreFailed(f"state {self.own.name}: {error}; {OTHERWISE}") from error
        found = description_id(description)
        if found.hex() != named:
            raise RestoreFailed(
                f"state {self.own.name}: what is said to describe layout {named!r} describes {found.hex()}; {OTHERWISE}"
            )
        self._known.setdefault(found, layout)
        return found

    def _descriptions_in(self, metadata: Mapping[str, str]) -> dict[str, object]:
        text = metadata.get("layouts", "")
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RestoreFailed(
                f"state {self.own.name}: a block describes its layouts with {text[:80]!r}, expected a JSON object; "
                f"{BEGIN_ANEW}"
            )
        return found

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
