"""Snapshots as files: what was written is read back, and nothing else is ever taken for one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.row_layout import Column, RowLayout
from topics.errors import SnapshotUnusable
from topics.settings import load_settings
from topics.state import snapshot
from topics.state.column import ColumnState
from topics.state.snapshot import Head, LogPosition
from topics.watermark import BEFORE_ALL

LAYOUT = RowLayout("counts", (Column("due_ms", "<i8", "When it is due."), Column("count", "<u4", "A count.")), "due_ms")
TAKEN_AT = 1_750_000_000.0

keys = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=1), min_size=1, max_size=8)
counts = st.dictionaries(keys, st.integers(0, 2**32 - 1), max_size=30)


def head(state: str = "counts", **changed: object) -> Head:
    told = {
        "group": "live",
        "partition": 3,
        "taken_at": TAKEN_AT,
        "watermark": 17,
        "sources": {"session-event/0": 4},
        "changelogs": {state: LogPosition("changelog", "id-1", 9)},
    }
    return Head(**{**told, **changed})  # type: ignore[arg-type]


def state_of(counted: Mapping[str, int]) -> ColumnState:
    state = ColumnState(LAYOUT)
    numbers = state.row_numbers(pa.array(list(counted), pa.string()))
    state.rows["count"][numbers] = np.fromiter(counted.values(), np.uint32)
    state.keep()
    return state


def counted_in(state: ColumnState) -> dict[str, int]:
    rows = {key: state.find(key) for key in state}
    return {key: int(row["count"][0]) for key, row in rows.items() if row is not None}


def loaded(stored: snapshot.Stored, name: str = "counts") -> dict[str, int]:
    state = ColumnState(LAYOUT)
    state.load_block(stored.block(name))
    return counted_in(state)


@pytest.fixture(scope="module")
def written() -> bytes:
    """The bytes of a small snapshot."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "live-3.snapshot"
        snapshot.write(path, head(), {"counts": state_of({"a": 1, "b": 2}).block()})
        return path.read_bytes()


@given(counts, counts, st.integers(BEFORE_ALL, 2**62), st.dictionaries(keys, st.integers(BEFORE_ALL, 2**62)))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_is_read_back(
    tmp_path: Path, one: dict[str, int], other: dict[str, int], watermark: int, sources: dict[str, int]
) -> None:
    """Rows of every state, watermark, sources and places in the changelogs."""
    told = head(
        watermark=watermark,
        sources=sources,
        changelogs={"one": LogPosition("a", "x", 1), "other": LogPosition("b", "y", 2)},
    )
    path = tmp_path / "live-3.snapshot"
    size = snapshot.write(path, told, {"one": state_of(one).block(), "other": state_of(other).block()})
    stored = snapshot.read(path)
    assert path.stat().st_size == size
    assert stored.head == told
    assert (loaded(stored, "one"), loaded(stored, "other")) == (one, other)


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_never_taken_for_a_snapshot(tmp_path: Path, written: bytes, data: st.DataObject) -> None:
    """Any byte changed, anywhere, is found before what it says is believed."""
    damaged = bytearray(written)
    damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "live-3.snapshot"
    path.write_bytes(damaged)
    with pytest.raises(SnapshotUnusable):
        snapshot.read(path)


@given(st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_cut_short_or_of_anything_else_is_refused(tmp_path: Path, written: bytes, data: st.DataObject) -> None:
    """A crash while writing leaves the first part at most; a disk may hold anything."""
    cut = st.integers(0, len(written) - 1).map(lambda size: written[:size])
    path = tmp_path / "live-3.snapshot"
    path.write_bytes(
        data.draw(cut | st.binary(max_size=200) | st.binary(max_size=20).map(lambda end: written + end + b"."))
    )
    with pytest.raises(SnapshotUnusable):
        snapshot.read(path)


def test_another_version_of_the_format_is_named_as_such(tmp_path: Path, written: bytes) -> None:
    """Not as damage: both versions are right."""
    path = tmp_path / "live-3.snapshot"
    path.write_bytes(written[:7] + b"\x02" + written[8:])
    with pytest.raises(SnapshotUnusable, match="another version"):
        snapshot.read(path)


def test_a_failed_write_leaves_the_snapshot_before_it(
    tmp_path: Path, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing unfinished beside it."""
    path = tmp_path / "live-3.snapshot"
    path.write_bytes(written)

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        snapshot.write(path, head(watermark=18), {"counts": state_of({}).block()})
    assert path.read_bytes() == written
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("hours", [-2, 24, 240])
def test_a_snapshot_older_than_the_changelog_tells_deletions_for_is_refused(hours: float) -> None:
    """A key deleted since, and compacted away, would come back; a clock that was set back tells no age."""
    with pytest.raises(SnapshotUnusable, match=f"taken {hours:.1f} h ago"):
        snapshot.refuse_aged(head(), TAKEN_AT + hours * 3600)
    snapshot.refuse_aged(head(), TAKEN_AT + 22.9 * 3600)


def test_a_worker_has_one_folder_whatever_it_is_called(tmp_path: Path) -> None:
    """Names are no paths: nothing is written elsewhere."""
    chosen = load_settings(state_dir=tmp_path, prefix="../a/", worker_id="../../b")
    folder = snapshot.folder(chosen, "cluster/../..")
    assert folder.parent == tmp_path
    assert folder != snapshot.folder(chosen, "another")


def test_only_what_is_old_and_ours_is_removed(tmp_path: Path) -> None:
    """Snapshots too old for use and what was left unfinished as long ago; what others keep there stays."""
    old, fresh = tmp_path / "live-1.snapshot", tmp_path / "live-2.snapshot"
    left, other = tmp_path / "live-3.snapshot.77.unfinished", tmp_path / "notes.txt"
    for path in (old, fresh, left, other):
        path.write_bytes(b"")
    for path in (old, left, other):
        os.utime(path, (0, 0))
    snapshot.remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == [fresh, other]
