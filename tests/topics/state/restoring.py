"""Restoring one state in a test."""

from __future__ import annotations

from schemas.row_layout import RowLayout
from topics.settings import Settings
from topics.state.column import ColumnState
from topics.state.restore import Restore, Restored, restore_all


def restored_rows(settings: Settings, topic: str, layout: RowLayout) -> tuple[ColumnState, Restored]:
    """Partition 0 of a changelog, as a state of that layout, and what was read beside its rows."""
    state = ColumnState(layout)
    asked = Restore(
        group="live",
        partition=0,
        changelogs={layout.name: topic},
        states={layout.name: state},
        fresh=lambda _: ColumnState(layout),
        has_offsets=False,
        built_on={},
        gone=lambda: False,
    )
    (whole,) = restore_all(settings, [asked], lambda _: None)
    return state, whole.restored
