"""What makes a restored partition ready, and what refuses it."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.topics.engine import COUNTS
from topics.errors import RestoreFailed
from topics.metrics import Meter
from topics.settings import load_settings
from topics.state.column import ColumnState
from topics.table import Group
from topics.transport.assignment import Partition
from topics.transport.restoring import Restoring


def restored(*known: str) -> None:
    """Judge a partition of two topics whose changelog held a row, with committed offsets on the `known` ones."""
    state = ColumnState(COUNTS)
    state.row_numbers(pa.array(["s-0"]))
    group = Group("pair", ("mutation", "tombstone"), ("session",))
    partition = Partition(group, 0, group.topics, {"session": state}, {}, positions=dict.fromkeys(known, 3))
    settings = load_settings()
    Restoring(settings, Meter(settings)).refuse_state_without_offsets(partition)


def test_state_without_any_offset_is_refused() -> None:
    """Reading from the beginning would count again what the state holds."""
    with pytest.raises(RestoreFailed, match="no committed offset on mutation or tombstone"):
        restored()


def test_a_topic_of_which_nothing_took_effect_yet_is_read_from_its_beginning() -> None:
    """Its sister's records made the state; a crash before its own end was met, or a topic new to the group."""
    restored("mutation")
