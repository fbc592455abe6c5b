"""State as records: what was put can be read, spans are kept or taken back, the changelog rebuilds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.errors import RestoreFailed
from topics.state.record import RecordState

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
    return RecordState(record_type("site-delta"), SchemaStore())


def visits(state: RecordState) -> dict[str, int]:
    return {key: record["visits"] for key in state if (record := state.get(key)) is not None}


def test_a_value_that_is_no_record_stops_a_restore() -> None:
    """A changelog that cannot be read is an error that says what to do."""
    with pytest.raises(RestoreFailed, match="cannot be read"):
        new_state().load(["a"], [b"\xc3\x01 and then nothing that was ever written"])


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "delete", "keep", "take back"]), st.sampled_from("abc"), st.integers(0, 9))
    )
)
def test_kept_spans_and_only_they_last(operations: list[tuple[str, str, int]]) -> None:
    """Whatever happens, state is what a plain dict of the kept spans says, and its changelog rebuilds it."""
    state, log = new_state(), list[tuple[str, bytes | None]]()
    kept: dict[str, int] = {}
    model: dict[str, int] = {}
    for name, key, number in operations:
        if name == "put":
            state.put(key, DELTA | {"visits": number})
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
        assert visits(state) == model
        assert state.memory_bytes >= 150 * len(model)
    again = new_state()
    again.load([key for key, _ in log], [value for _, value in log])
    assert visits(again) == kept
