"""Counts, first and last times by type, and page views by page type."""

from __future__ import annotations

from models.behaviour.bounds import COUNT_MAX
from models.behaviour.codes import PAGE_VIEW
from models.jit import Record, njit


@njit
def fold_counts(row: Record, event: Record, offset: int) -> None:
    """Count the event, `offset` ms after the visit's start, under its type, and a page view under its page type."""
    row.events += 1
    kind = event.type
    if row.type_count[kind] == 0:
        row.type_first[kind] = offset
    row.type_last[kind] = offset
    row.type_count[kind] = min(row.type_count[kind] + 1, COUNT_MAX)
    if kind == PAGE_VIEW:
        page_type = event.page_type
        if row.page_count[page_type] == 0:
            row.page_first[page_type] = offset
        row.page_last[page_type] = offset
        row.page_count[page_type] = min(row.page_count[page_type] + 1, COUNT_MAX)
