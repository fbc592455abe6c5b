"""Layouts of rows, and their descriptions."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from models.behaviour.layout import SESSION_LAYOUT
from schemas.errors import SchemaError
from schemas.row_layout import DESCRIPTION_BYTES, Column, described

GOOD: dict[str, Any] = Column("a", "<i8", "A number.").as_json()


def test_a_described_layout_is_the_layout() -> None:
    """Same id, same places of the columns, same defaults."""
    read = described("session", SESSION_LAYOUT.description)
    assert read.layout_id == SESSION_LAYOUT.layout_id
    assert read.dtype == SESSION_LAYOUT.dtype
    assert read.blank == SESSION_LAYOUT.blank


def test_what_is_told_to_people_changes_no_layout() -> None:
    """Docs and versions are no part of the id: rows stay readable when a text is mended."""
    columns = tuple(replace(column, doc="other", since="9.9") for column in SESSION_LAYOUT.columns)
    assert replace(SESSION_LAYOUT, columns=columns).layout_id == SESSION_LAYOUT.layout_id


@pytest.mark.parametrize(
    "columns",
    [
        *([GOOD | {"dtype": dtype}] for dtype in ("O", "V8", "i8,i8", "S", "no type", 8, "<M8[ms]")),
        *([GOOD | {"shape": shape}] for shape in ([0], [-1], ["2"], [True], 3)),
        *([GOOD | {"name": name}] for name in ("", 1)),
        *([GOOD | {"default": default}] for default in ("x", None, [0])),
        [GOOD | {"more": 1}],
        [{"name": "a"}],
        [GOOD, GOOD],
        [GOOD | {"shape": [2**40, 2**40]}],
        ["a"],
        [],
        {},
        None,
    ],
)
def test_what_describes_no_layout_is_refused(columns: Any) -> None:
    """Nothing that a changelog may hold makes a layout of anything but fixed-width columns of bounded size."""
    with pytest.raises(SchemaError, match="of things"):
        described("things", json.dumps(columns).encode())


@pytest.mark.parametrize("text", [b"", b"[", b"\xff\xfe", b" " * (DESCRIPTION_BYTES + 1)])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    """Also what is longer than any layout."""
    with pytest.raises(SchemaError, match="of things"):
        described("things", text)
