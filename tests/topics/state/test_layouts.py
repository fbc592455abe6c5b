"""Rows of several versions in one changelog: nothing that any of them wrote is lost, and nothing is misread."""

from __future__ import annotations

import logging
from dataclasses import replace
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

DUE = Column("due_ms", "<i8", "When the row is due.")
COUNT = Column("count", "<u4", "A count.", default=3)
OPTIONAL = (
    COUNT,
    Column("marks", "i1", "Marks.", (3,), default=-1),
    Column("site", "S5", "A text."),
    Column("amount", "<f8", "An amount.", default=0.5),
    Column("flag", "u1", "A flag."),
)

Log = list[tuple[str, bytes | None]]


def layout(*columns: Column) -> RowLayout:
    return RowLayout("visits", (DUE, *columns), "due_ms")


OLD = layout(COUNT)
NEW = layout(OPTIONAL[1], COUNT, replace(OPTIONAL[2], since="2.0"))


def restored(version: RowLayout, log: Log, at_once: int = 1000) -> ColumnState:
    state = ColumnState(version)
    for begin in range(0, len(log), at_once):
        some = log[begin : begin + at_once]
        state.load([key for key, _ in some], [value for _, value in some])
    return state


def rebuilt_from_a_block(version: RowLayout, state: ColumnState) -> ColumnState:
    again = ColumnState(version)
    again.load_block(state.block())
    return again


def write(state: ColumnState, keys: list[str], values: dict[str, Any], due: int = 1) -> None:
    numbers = state.row_numbers(pa.array(keys, pa.string()))
    for name, value in {"due_ms": due, **values}.items():
        state.rows[name][numbers] = value


def commit(state: ColumnState, log: Log) -> None:
    log += zip(*state.changes(), strict=True)
    state.keep()


def row(state: ColumnState, key: str) -> dict[str, Any]:
    found = state.find(key)
    assert found is not None
    return {name: found[name][0].tolist() for name in found.dtype.names or ()}


def described(log: Log) -> list[str]:
    return [key.removeprefix(LAYOUT_KEY_PREFIX) for key, _ in log if key.startswith(LAYOUT_KEY_PREFIX)]


def test_an_upgrade_begins_new_columns_with_their_defaults() -> None:
    """Columns keep their values by name, wherever the new layout has them."""
    log: Log = []
    old = ColumnState(OLD)
    write(old, ["a"], {"count": 7})
    commit(old, log)
    assert row(restored(NEW, log), "a") == {"due_ms": 1, "marks": [-1, -1, -1], "count": 7, "site": b""}


def test_a_rollback_keeps_what_it_does_not_know() -> None:
    """N+1 writes, N changes the row, N+1 has its own columns again, with N's change."""
    log: Log = []
    new = ColumnState(NEW)
    write(new, ["a", "b"], {"count": 7, "site": b"shop", "marks": [1, 2, 3]})
    commit(new, log)
    old = restored(OLD, log)
    assert row(old, "a") == {"due_ms": 1, "count": 7}
    write(old, ["a"], {"count": 8})
    commit(old, log)
    again = restored(NEW, log)
    assert row(again, "a") == {"due_ms": 1, "marks": [1, 2, 3], "count": 8, "site": b"shop"}
    assert row(again, "b")["count"] == 7


def test_due_times_of_other_layouts_count() -> None:
    """A row that another version wrote is due when it says."""
    log: Log = []
    new = ColumnState(NEW)
    write(new, ["a"], {}, due=5)
    commit(new, log)
    old = restored(OLD, log)
    assert old.keys_of(old.due(4)) == []
    assert old.keys_of(old.due(5)) == ["a"]


def test_a_layout_is_described_before_its_first_row_and_once() -> None:
    """So is the layout of what is kept beside the rows of another version; a span that failed described nothing."""
    log: Log = []
    new = ColumnState(NEW)
    assert new.changes() == ([], [])
    write(new, ["a"], {"site": b"x"})
    assert len(described(list(zip(*new.changes(), strict=True)))) == 1
    new.take_back()
    write(new, ["a", "b"], {"site": b"x"})
    commit(new, log)
    write(new, ["c"], {})
    commit(new, log)
    assert described(log) == [NEW.layout_id.hex()]
    assert log[0][0].startswith(LAYOUT_KEY_PREFIX)
    old = restored(OLD, log)
    for _ in range(2):
        write(old, ["a"], {"count": 1})
        commit(old, log)
    beside = RowLayout("visits", (NEW.columns[1], NEW.columns[3]), "").layout_id.hex()
    assert described(log) == [NEW.layout_id.hex(), *sorted([OLD.layout_id.hex(), beside])]
    from_block = rebuilt_from_a_block(OLD, old)
    write(from_block, ["a"], {})
    assert described(list(zip(*from_block.changes(), strict=True))) == []


def test_what_is_beside_a_row_goes_with_its_key() -> None:
    """A key that was deleted begins anew with the defaults of every version."""
    log: Log = []
    new = ColumnState(NEW)
    write(new, ["a"], {"site": b"shop"})
    commit(new, log)
    old = restored(OLD, log)
    held = old.memory_bytes
    old.release(old.due(1))
    commit(old, log)
    assert old.memory_bytes < held
    write(old, ["b", "a"], {"count": 1})
    commit(old, log)
    again = restored(NEW, log)
    assert row(again, "a")["site"] == row(again, "b")["site"] == b""


def test_a_key_that_returned_in_the_span_of_its_release_has_nothing_beside_it() -> None:
    """Its record leaves no tombstone, and still takes what an earlier one brought with it."""
    log: Log = []
    new = ColumnState(NEW)
    write(new, ["a"], {"site": b"shop"})
    commit(new, log)
    old = restored(OLD, log)
    old.release(old.due(1))
    write(old, ["a"], {})
    commit(old, log)
    again = restored(OLD, log, at_once=1)
    write(again, ["a"], {})
    commit(again, log)
    assert row(restored(NEW, log), "a")["site"] == b""


def test_a_block_tells_what_the_log_describes_and_what_not() -> None:
    """A layout that only a block knew is described before the first row of it that the log gets."""
    log: Log = []
    new = ColumnState(NEW)
    write(new, ["a"], {"site": b"shop"})
    commit(new, log)
    old = rebuilt_from_a_block(OLD, restored(OLD, log))
    write(old, ["a"], {"count": 8})
    commit(old, log)
    assert len(described(log)) == len(set(described(log))) == 3
    assert row(restored(NEW, log), "a") == {"due_ms": 1, "marks": [-1, -1, -1], "count": 8, "site": b"shop"}


def test_a_column_of_another_type_is_refused() -> None:
    """Same name, other type or shape: what was found, what was expected, what to do."""
    log: Log = []
    old = ColumnState(OLD)
    write(old, ["a"], {})
    commit(old, log)
    for changed in (replace(COUNT, dtype="<u8"), replace(COUNT, shape=(2,))):
        with pytest.raises(RestoreFailed, match=r"column count as <u4.*give it a name of its own"):
            restored(layout(changed), log)
        with pytest.raises(RestoreFailed, match=r"column count as <u4.*give it a name of its own"):
            rebuilt_from_a_block(layout(changed), old)


def test_a_changed_default_is_the_same_column() -> None:
    """Rows keep what they hold; only new ones begin otherwise."""
    log: Log = []
    old = ColumnState(OLD)
    write(old, ["a"], {})
    commit(old, log)
    state = restored(layout(replace(COUNT, default=9)), log)
    write(state, ["b"], {})
    assert (row(state, "a")["count"], row(state, "b")["count"]) == (3, 9)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (LAYOUT_KEY_PREFIX + OLD.layout_id.hex(), b"{"),
        (LAYOUT_KEY_PREFIX + OLD.layout_id.hex(), b"[1]"),
        (LAYOUT_KEY_PREFIX + NEW.layout_id.hex(), OLD.description),
        ("a", b""),
        ("a", b"XX" + NEW.layout_id),
        ("a", b"LR" + OLD.layout_id + b"short"),
        ("a", b"LR" + OLD.layout_id + bytes(OLD.dtype.itemsize) + b"long"),
        ("a", b"LR" + OLD.layout_id + bytes(OLD.dtype.itemsize) + 2 * (OLD.layout_id + bytes(OLD.dtype.itemsize))),
    ],
)
def test_what_is_no_row_and_no_layout_is_refused(key: str, value: bytes) -> None:
    """Each is named with what to do; none is misread."""
    log: Log = [(LAYOUT_KEY_PREFIX + OLD.layout_id.hex(), OLD.description), (key, value)]
    with pytest.raises(RestoreFailed, match=r"state visits: .*run the version that wrote it, or delete"):
        restored(NEW, log)


def test_operators_are_told_what_becomes_of_other_rows(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each layout: the columns that begin with their default, and those kept beside the rows."""
    log: Log = []
    old = ColumnState(layout(COUNT, OPTIONAL[4]))
    write(old, ["a", "b"], {})
    commit(old, log)
    with caplog.at_level(logging.INFO):
        restored(NEW, log)
    (told,) = (record.getMessage() for record in caplog.records)
    assert "begin with their default: marks, site (since 2.0)" in told
    assert "kept beside the rows: flag" in told


versions = st.lists(st.sampled_from(OPTIONAL), unique=True, max_size=len(OPTIONAL)).map(lambda some: layout(*some))
operation = st.one_of(
    st.tuples(st.just("write"), st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), st.integers(0, 99)),
    st.tuples(st.just("release"), st.integers(1, 9)),
    st.tuples(st.just("keep")),
    st.tuples(st.just("take back")),
    st.tuples(st.just("restart"), versions, st.sampled_from(["log", "compacted log", "block"]), st.integers(1, 5)),
)


def value_of(column: Column, number: int) -> Any:
    """What column holds after `number` was written to it, as `row` tells it."""
    if column.dtype.startswith("S"):
        return str(number).encode()
    return [number] * column.shape[0] if column.shape else number


def default_of(column: Column) -> Any:
    held = np.full(column.shape, b"" if column.dtype.startswith("S") else column.default, column.dtype)
    return held.tolist()


Model = dict[str, dict[str, Any]]


def as_seen_by(version: RowLayout, model: Model) -> Model:
    return {
        key: {column.name: held.get(column.name, default_of(column)) for column in version.columns}
        for key, held in model.items()
    }


@given(versions, st.lists(operation, max_size=30))
def test_no_version_loses_what_another_wrote(version: RowLayout, operations: list[Any]) -> None:
    """Any versions in any order, rows of all of them in one log, compacted or not, or through blocks: as one dict."""
    state, log = ColumnState(version), Log()
    kept: Model = {}
    model: Model = {}
    for name, *arguments in operations:
        if name == "write":
            keys, number = arguments
            values = {column.name: value_of(column, number) for column in version.columns[1:]}
            write(state, keys, values, due=number % 10 + 1)
            for key in keys:
                model[key] = model.get(key, {}) | values | {"due_ms": number % 10 + 1}
        elif name == "release":
            state.release(state.due(arguments[0]))
            model = {key: held for key, held in model.items() if held["due_ms"] > arguments[0]}
        elif name == "keep":
            commit(state, log)
            kept = dict(model)
        elif name == "take back":
            state.take_back()
            model = dict(kept)
        else:
            version, source, at_once = arguments
            state.take_back()
            model = dict(kept)
            if source == "block":
                state = rebuilt_from_a_block(version, state)
            else:
                state = restored(version, log if source == "log" else compacted(log), at_once)
        assert {key: row(state, key) for key in state} == as_seen_by(version, model)


def compacted(log: Log) -> Log:
    """The last record of each key alone."""
    last = {key: position for position, (key, _) in enumerate(log)}
    return [entry for position, entry in enumerate(log) if last[entry[0]] == position]
