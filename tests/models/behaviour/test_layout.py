"""The session row."""

from __future__ import annotations

from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT
from topics.state.key_index import KEY_BYTES_ESTIMATE

MOST_BYTES = 2_000
"""A million of them are 2 GB."""


def test_a_million_live_sessions_stay_within_2_gb() -> None:
    """The row, and what its key takes beside it."""
    assert SESSION_LAYOUT.dtype.itemsize + KEY_BYTES_ESTIMATE <= MOST_BYTES


def test_the_kernels_view_has_the_same_places() -> None:
    """A row viewed by a kernel is the row, byte for byte."""
    fields, viewed = SESSION_LAYOUT.dtype.fields, KERNEL_DTYPE.fields
    assert fields is not None
    assert viewed is not None
    assert {n: f[1] for n, f in fields.items()} == {n: f[1] for n, f in viewed.items()}


def test_a_blank_row_holds_no_visit() -> None:
    """`due_ms` 0 says that a row is free."""
    assert SESSION_LAYOUT.due == "due_ms"
    assert SESSION_LAYOUT.blank["due_ms"] == 0
