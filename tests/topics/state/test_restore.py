"""A restore hands each record of a changelog to whom it belongs."""

from __future__ import annotations

import pyarrow as pa

from schemas.row_layout import Column, RowLayout
from tests.kafka import unique
from tests.topics.engine import COUNTS, LIMIT_S
from tests.topics.state.restoring import restored_rows
from topics.clients import producer
from topics.settings import Guarantee, load_settings
from topics.source_clock import SOURCE_KEY_PREFIX
from topics.state.base import RESERVED
from topics.state.column import ColumnState
from topics.state.restore import WATERMARK_KEY
from topics.transport.committer import produce
from topics.transport.outbox import Outgoing, changelog_records

OTHER = RowLayout("session", (*COUNTS.columns, Column("seen", "u1", "A flag.")), "due_ms")


def test_rows_layouts_and_times_are_told_apart(embedded: str) -> None:
    """Layouts reach the state before their rows, times the partition; what a later version reserves is passed over."""
    settings = load_settings(broker=embedded, worker_id="worker-0", guarantee=Guarantee.AT_LEAST_ONCE)
    topic, client, writer = unique("changelog"), producer(settings), ColumnState(OTHER)
    for _ in range(2):
        numbers = writer.row_numbers(pa.array(["a", "b"]))
        writer.rows["events"][numbers] += 1
        times = [Outgoing(WATERMARK_KEY, b"7", None, 0), Outgoing(SOURCE_KEY_PREFIX + "x/0", b"5", None, 0)]
        further = [Outgoing(RESERVED + "of another version", b"?", None, 0)]
        produce(client, {topic: [*times, *further, *changelog_records(*writer.changes(), 0)]})
        assert client.flush(LIMIT_S) == 0
        writer.keep()
    state, restored = restored_rows(settings, topic, COUNTS)
    assert (restored.watermark, restored.sources) == (7, {"x/0": 5})
    rows = {key: state.find(key) for key in state}
    assert {key: int(row["events"][0]) for key, row in rows.items() if row is not None} == {"a": 2, "b": 2}
