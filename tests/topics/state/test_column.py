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
from topics.state.base import LAYOUT_KEY_PREFIX
from topics.state.column import ColumnState
from topics.state.key_index import KeyIndex
from topics.state.row_array import FIRST_CAPACITY

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


def from_blocks(*blocks: pa.RecordBatch) -> ColumnState:
    state = ColumnState(LAYOUT)
    for block in blocks:
        state.load_block(block)
    return state


def through_a_file(block: pa.RecordBatch) -> pa.RecordBatch:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, block.schema) as writer:
        writer.write_batch(block)
    return pa.ipc.open_file(sink.getvalue()).get_batch(0)


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


def test_a_row_of_a_layout_that_is_not_described_is_refused() -> None:
    """A changelog whose rows nobody can place is an error that says so, not a misread row."""
    other = ColumnState(RowLayout("counts", LAYOUT.columns[:2], "due_ms"))
    other.row_numbers(pa.array(["a"]))
    keys, values = other.changes()
    assert keys[0].startswith(LAYOUT_KEY_PREFIX)
    with pytest.raises(RestoreFailed, match="another layout"):
        ColumnState(LAYOUT).load(keys[1:], values[1:])


def test_memory_is_that_of_rows_ever_used() -> None:
    """Room that no row has used is not counted, and released rows are used again."""
    state = ColumnState(LAYOUT)
    assert state.memory_bytes < FIRST_CAPACITY * LAYOUT.dtype.itemsize
    for number in range(5):
        count(state, [f"k{number}-{position}" for position in range(100)])
        state.keep()
        state.release(state.due(1))
        state.keep()
        assert state.memory_bytes < FIRST_CAPACITY * LAYOUT.dtype.itemsize
    assert len(state) == 0


def test_a_block_is_refused_inside_a_span() -> None:
    """What may yet be taken back is in no block."""
    state = ColumnState(LAYOUT)
    count(state, ["a"])
    with pytest.raises(RuntimeError, match="inside a span"):
        state.block()


def test_a_block_is_a_copy() -> None:
    """The state goes on, and the block holds what stood when it was asked for, through a file too."""
    state = ColumnState(LAYOUT)
    count(state, ["a", "b"], due=3)
    state.keep()
    block = through_a_file(state.block())
    count(state, ["a", "c"], due=9)
    state.keep()
    assert contents(from_blocks(block)) == {"a": (3, 1), "b": (3, 1)}


def test_blocks_may_be_cut() -> None:
    """Slices of a block, in any order, are the block."""
    state = ColumnState(LAYOUT)
    for number in range(10):
        count(state, [f"k{number}"], due=number + 1)
    state.keep()
    block = state.block()
    assert contents(from_blocks(block.slice(7), block.slice(0, 7), block.slice(3, 0))) == contents(state)


def test_what_a_block_brought_can_be_deleted() -> None:
    """Rows of a block are in the log: their release is a tombstone."""
    state = ColumnState(LAYOUT)
    count(state, ["a"])
    state.keep()
    again = from_blocks(state.block())
    again.release(again.due(1))
    assert again.changes() == (["a"], [None])


def test_a_block_of_something_else_is_refused() -> None:
    """Another state's block, other columns, a key twice, nulls, rows nobody described: each says what to do."""
    state = ColumnState(LAYOUT)
    count(state, ["a"])
    state.keep()
    block = state.block()
    metadata = dict(block.schema.metadata)
    refused = {
        "is of columns of counts, expected columns of others": (block, RowLayout("others", LAYOUT.columns, "due_ms")),
        "has columns": (block.drop_columns(["unknown"]).replace_schema_metadata(metadata), LAYOUT),
        "has nulls": (with_null_key(block), LAYOUT),
        "JSON": (block.replace_schema_metadata(metadata | {b"lamstream.layouts": b"{"}), LAYOUT),
        "known here": (block.replace_schema_metadata(metadata | {b"lamstream.layout": b"00"}), LAYOUT),
    }
    for message, (bad, layout) in refused.items():
        with pytest.raises(RestoreFailed, match=message):
            ColumnState(layout).load_block(bad)
    with pytest.raises(RestoreFailed, match="twice"):
        from_blocks(block, block)


def with_null_key(block: pa.RecordBatch) -> pa.RecordBatch:
    schema = pa.schema([pa.field("key", pa.string()), *list(block.schema)[1:]], metadata=block.schema.metadata)
    return pa.RecordBatch.from_arrays([pa.array([None], pa.string()), *block.columns[1:]], schema=schema)


@given(st.lists(st.one_of(st.just("free"), st.lists(st.sampled_from("abcdef"), unique=True, max_size=4)), max_size=30))
def test_no_two_keys_share_a_number(steps: list[Any]) -> None:
    """Numbers of live keys are distinct and stay, those given back are taken before new ones."""
    index = KeyIndex()
    known: dict[str, int] = {}
    most = 0
    for step in steps:
        if step == "free":
            freed = sorted(known.values())[::2]
            index.unlink(freed)
            index.give_back(freed)
            known = {key: number for key, number in known.items() if number not in freed}
        else:
            numbers, taken = index.find_or_take(step)
            assert set(taken.tolist()) == set(numbers.tolist()) - set(known.values())
            known |= {key: number for key, number in zip(step, numbers.tolist(), strict=True) if key not in known}
        most = max(most, len(known))
        assert {key: index.get(key) for key in index} == known
        assert len(set(known.values())) == len(known)
        assert index.used == most


operation = st.one_of(
    st.tuples(st.just("count"), st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=6), st.integers(1, 50)),
    st.tuples(st.just("release due"), st.integers(1, 50)),
    st.tuples(st.just("keep")),
    st.tuples(st.just("take back")),
    st.tuples(st.just("restart")),
    st.tuples(st.just("restart from a block")),
)


@given(st.lists(operation, max_size=40))
def test_kept_spans_and_only_they_last(operations: list[Any]) -> None:
    """Whatever happens, state is what a plain dict of the kept spans says; its changelog and its blocks rebuild it."""
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
        elif name == "take back":
            state.take_back()
            model = dict(kept)
        elif name == "restart":
            state, model = rebuilt(log), dict(kept)
        else:
            state.take_back()
            state, model = from_blocks(through_a_file(state.block())), dict(kept)
        assert contents(state) == model
        assert sorted(state.keys_of(state.due(25))) == sorted(key for key, row in model.items() if row[0] <= 25)
    assert contents(rebuilt(log)) == kept
