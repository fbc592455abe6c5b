"""How rows of other layouts become rows of one: columns are matched by name.

What a row has and the target lacks is kept beside it, as a row of a layout of just those columns; what it lacks begins
with the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from schemas.row_layout import LAYOUT_ID_BYTES, Column, RowLayout
from topics.errors import RestoreFailed

ROW_MARK = b"LR"
HEADER_BYTES = len(ROW_MARK) + LAYOUT_ID_BYTES

Rows = npt.NDArray[np.void]

OTHERWISE = (
    "run the version that wrote it, or delete the changelog topic and the group's offsets, run `lam topics apply`, and "
    "begin with empty state"
)


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
