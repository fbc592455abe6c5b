"""State as columns: rows by key, spans that are kept or taken back, and changelog records that rebuild it all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.row_layout import Column, RowLayout
from topics.errors import RestoreFailed
from topics.state.column import FIRST_CAPACITY, ColumnState

LAYOUT = RowLayout(
    "counts",
    (
        Column("due_ms", "<i8", "When the row is due."),
        Column("count", "<u4", "A count."),
        Column("marks", "i1", "Two marks.", (2,), default=-1),
    ),
    "due_ms",
)

Contents = dict[str, tuple[int, int]]


def contents(state: ColumnState) -> Contents:
    rows = {key: state.find(key) for key in state}
    return {key: (int(row["due_ms"][0]), int(row["count"][0])) for key, row in rows.items() if row is not None}


def count(state: ColumnState, keys: list[str], due: int = 1) -> None:
    numbers = state.row_numbers(pa.array(keys, pa.string()))
    np.add.at(state.rows["count"], numbers, 1)
    state.rows["due_ms"][numbers] = due


def rebuilt(log: list[tuple[str, bytes | None]]) -> ColumnState:
    state = ColumnState(LAYOUT)
    state.load([key for key, _ in log], [value for _, value in log])
    return state


def test_a_new_key_begins_with_the_defaults_of_its_layout() -> None:
    """A row nobody wrote to holds the layout's defaults."""
    state = ColumnState(LAYOUT)
    number = state.row_numbers(pa.array(["a"]))
    assert state.rows["marks"][number].tolist() == [[-1, -1]]


def test_one_key_has_one_row_whatever_else_comes() -> None:
    """Row numbers stay the same while the state grows beyond its first capacity."""
    state = ColumnState(LAYOUT)
    count(state, ["first"])
    before = int(state.row_numbers(pa.array(["first"]))[0])
    count(state, [f"k{number}" for number in range(3 * FIRST_CAPACITY)])
    assert int(state.row_numbers(pa.array(["first"]))[0]) == before
    assert len(state) == 3 * FIRST_CAPACITY + 1
    assert contents(state)["first"] == (1, 1)


def test_due_rows_are_those_at_or_before_the_watermark() -> None:
    """A row is due when the watermark reaches its deadline, and not once the deadline moved."""
    state = ColumnState(LAYOUT)
    count(state, ["early"], due=10)
    count(state, ["late"], due=20)
    assert state.keys_of(state.due(9)) == []
    assert state.keys_of(state.due(10)) == ["early"]
    count(state, ["early"], due=30)
    assert state.keys_of(state.due(25)) == ["late"]


def test_a_released_key_leaves_a_tombstone_only_where_the_log_knows_it() -> None:
    """Keys that live and die within one span leave no trace in the changelog."""
    state = ColumnState(LAYOUT)
    count(state, ["old"])
    state.keep()
    numbers = state.row_numbers(pa.array(["old", "brief"]))
    state.release(numbers)
    changes = state.changes()
    assert changes.keys == ["old"]
    assert changes.values == [None]


def test_a_key_that_returns_in_the_span_of_its_release_has_a_fresh_row() -> None:
    """Release and return within a span log the new row and no tombstone, and survive a rollback as the old row."""
    state = ColumnState(LAYOUT)
    count(state, ["a", "a", "a"])
    state.keep()
    state.release(state.row_numbers(pa.array(["a"])))
    count(state, ["a"], due=7)
    assert contents(state) == {"a": (7, 1)}
    assert [value is None for value in state.changes().values] == [False]
    state.take_back()
    assert contents(state) == {"a": (1, 3)}


def test_a_row_of_another_layout_is_refused() -> None:
    """A changelog written with another layout is an error that says so, not a misread row."""
    other = ColumnState(RowLayout("counts", LAYOUT.columns[:2], "due_ms"))
    other.row_numbers(pa.array(["a"]))
    keys, values = other.changes()
    with pytest.raises(RestoreFailed, match="another layout"):
        ColumnState(LAYOUT).load(keys, values)


operation = st.one_of(
    st.tuples(st.just("count"), st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=6), st.integers(1, 50)),
    st.tuples(st.just("release due"), st.integers(1, 50)),
    st.tuples(st.just("keep")),
    st.tuples(st.just("take back")),
)


@given(st.lists(operation, max_size=40))
def test_kept_spans_and_only_they_last(operations: list[Any]) -> None:
    """Whatever happens, state is what a plain dict of the kept spans says, and its changelog rebuilds it."""
    state, log = ColumnState(LAYOUT), list[tuple[str, bytes | None]]()
    kept: Contents = {}
    model: Contents = {}
    for name, *arguments in operations:
        if name == "count":
            keys, due = arguments
            count(state, keys, due)
            for key in keys:
                model[key] = (due, model.get(key, (0, 0))[1] + 1)
            model.update({key: (due, model[key][1]) for key in keys})
        elif name == "release due":
            state.release(state.due(arguments[0]))
            model = {key: row for key, row in model.items() if row[0] > arguments[0]}
        elif name == "keep":
            log += zip(*state.changes(), strict=True)
            state.keep()
            kept = dict(model)
        else:
            state.take_back()
            model = dict(kept)
        assert contents(state) == model
        assert sorted(state.keys_of(state.due(25))) == sorted(key for key, row in model.items() if row[0] <= 25)
    assert contents(rebuilt(log)) == kept
