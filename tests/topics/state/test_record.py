"""State as records: what was put can be read, spans are kept or taken back, the changelog rebuilds it."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import SchemaError
from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.errors import OutputTooLarge, RestoreFailed
from topics.state.due import STALE_ENTRIES, DueIndex
from topics.state.record import MOST_BYTES, RecordState

DELTA = {
    "site_id": "shop",
    "source_topic": "session-event",
    "source_partition": 0,
    "watermark": 0,
    "visits": 0,
    "converted_visits": 0,
    "orders": 0,
    "order_lines": 0,
    "folded": 0,
    "late": 0,
    "duplicate": 0,
    "undecided": 0,
    "capped": 0,
    "unconsented": 0,
}


def new_state() -> RecordState:
    return RecordState(record_type("site-delta"), SchemaStore(), due="folded")


def dues(state: RecordState) -> dict[str, int]:
    return {key: record["folded"] for key in state if (record := state.get(key)) is not None}


def assert_due(state: RecordState) -> None:
    """`due` finds what looking at every record would, in order of time and key."""
    by_looking = sorted((due, key) for key, due in dues(state).items())
    for watermark in range(-1, 11):
        assert state.due(watermark) == [key for due, key in by_looking if due <= watermark]


def visits(state: RecordState) -> dict[str, int]:
    return {key: record["visits"] for key in state if (record := state.get(key)) is not None}


def test_a_value_that_is_no_record_stops_a_restore() -> None:
    """A changelog that cannot be read is an error that says what to do."""
    with pytest.raises(RestoreFailed, match="cannot be read"):
        new_state().load(["a"], [b"\xc3\x01 and then nothing that was ever written"])


def test_a_record_that_its_changelog_would_refuse_is_not_put() -> None:
    """The batch that brings it fails, not every commit from then on."""
    state = new_state()
    with pytest.raises(OutputTooLarge, match="'a'"):
        state.put("a", DELTA | {"source_topic": "t" * MOST_BYTES})
    assert not state.changed


steps = st.sampled_from(["put", "delete", "keep", "take back", "block"])


@given(st.lists(st.tuples(steps, st.sampled_from("abc"), st.integers(0, 9))))
def test_kept_spans_and_only_they_last(operations: list[tuple[str, str, int]]) -> None:
    """Whatever happens, state is what a plain dict of the kept spans says, and its changelog and blocks rebuild it."""
    state, log = new_state(), list[tuple[str, bytes | None]]()
    kept: dict[str, int] = {}
    model: dict[str, int] = {}
    for name, key, number in operations:
        if name == "put":
            state.put(key, DELTA | {"visits": number, "folded": number * 7 % 10})
            model[key] = number
        elif name == "delete":
            state.delete(key)
            model.pop(key, None)
        elif name == "keep":
            log += zip(*state.changes(), strict=True)
            state.keep()
            kept = dict(model)
        else:
            state.take_back()
            model = dict(kept)
        if name == "block":
            state, block = new_state(), state.block()
            for part in (block.slice(1), block.slice(0, 1)):
                state.load_block(part)
        assert visits(state) == model
        assert_due(state)
        assert state.memory_bytes >= 150 * len(model)
    again = new_state()
    again.load([key for key, _ in log], [value for _, value in log])
    assert visits(again) == kept
    assert_due(again)


def test_a_block_of_something_else_is_refused() -> None:
    """Another state's block, a key twice, a record nobody can read, and a span that is still open."""
    state = new_state()
    state.put("a", DELTA)
    with pytest.raises(RuntimeError, match="inside a span"):
        state.block()
    state.keep()
    block = state.block()
    with pytest.raises(RestoreFailed, match="expected records of reward-update"):
        RecordState(record_type("reward-update"), SchemaStore()).load_block(block)
    with pytest.raises(RestoreFailed, match="twice"):
        state.load_block(block)
    values = pa.array([b"\xc3\x01 and then nothing that was ever written"], pa.large_binary())
    with pytest.raises(RestoreFailed, match="cannot be read"):
        new_state().load_block(block.set_column(1, block.schema.field(1), values))


def test_a_key_without_a_due_time_is_never_due() -> None:
    """Null waits for nothing, also after a time was set; and so does every key where no field is named."""
    state = RecordState(record_type("reward-update"), SchemaStore())
    assert state.due(2**62) == []
    waiting = RecordState(record_type("container-state"), SchemaStore(), due="due_at")
    blank = {"container_id": "c", "site_id": "shop"}
    waiting.put("c", blank | {"due_at": 5})
    assert waiting.due(5) == ["c"]
    waiting.put("c", blank)
    assert waiting.due(2**62) == []


def test_what_was_got_can_be_put() -> None:
    """A record comes back as it was put, maps and lists within included."""
    state = RecordState(record_type("container-state"), SchemaStore())
    page = {"component_path": "HERO > CTA", "contrast_ratio": 4.5, "components": {"CTA": 2}}
    made = {"event_id": "e", "site_id": "shop", "parent_id": None, "version": 1, "mutated_at": 5, "claimed": None}
    mutation = made | {"before": page, "after": None, "hypothesis": None}
    behaviour = {"feature_set": "f", "hour": 0, "n": 2, "mean": [1.0, 0.5], "m2": [0.0, 0.25]}
    state.put("c", {"container_id": "c", "site_id": "shop", "mutation": mutation, "behaviours": [behaviour]})
    got = state.get("c")
    assert got is not None
    assert (got["mutation"], got["behaviours"]) == (mutation, [behaviour])
    state.put("c", got)
    assert state.get("c") == got


def test_an_unknown_due_field_is_refused() -> None:
    """A field that the record has not is told when the state is made, not when time passes."""
    with pytest.raises(SchemaError, match="no field nowhere"):
        RecordState(record_type("site-delta"), SchemaStore(), due="nowhere")


def test_old_due_times_do_not_pile_up() -> None:
    """A key that is put off again and again takes the room of one."""
    index = DueIndex()
    for at in range(10 * STALE_ENTRIES):
        index.set("a", at)
    assert len(index._heap) <= 2 + STALE_ENTRIES + 1
    assert index.until(10 * STALE_ENTRIES) == ["a"]
