"""The bench of states measures what it says."""

from __future__ import annotations

from bench.state import OLDER_LAYOUT, log_of, sessions
from models.behaviour.layout import SESSION_LAYOUT
from topics.state.column import ColumnState


def test_blocks_bring_every_session() -> None:
    """The sessions whose memory is told are there, before and after their blocks."""
    assert sessions(600)["sessions"] == 600


def test_the_other_layout_is_another() -> None:
    """What is measured as migration is one: a column is kept beside each row."""
    batches = log_of(OLDER_LAYOUT, uniform=True)
    state = ColumnState(SESSION_LAYOUT)
    for keys, values in (next(batches), next(batches)):
        state.load(keys, values)
    assert OLDER_LAYOUT.layout_id != SESSION_LAYOUT.layout_id
    assert state.block().column("unknown").null_count == 0
