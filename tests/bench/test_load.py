"""The load decodes, repeats, and looks as it says."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any, cast

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load import Load, LoadShape, Record, paced_counts, schema_json, single_object_header, time_bytes, varint

START_MS = 1_790_000_000_000
SHAPE = LoadShape(sessions=500, events_per_s=100.0, session_s=20.0, session_events=50)
SCHEMA = fastavro.parse_schema(schema_json())
HEADER = single_object_header(schema_json())


def _load(seed: int = 1) -> Load:
    return Load(seed, START_MS, SHAPE, journeys=8)


def _decode(record: Record) -> dict[str, Any]:
    assert record.value.startswith(HEADER)
    rest = io.BytesIO(record.value[len(HEADER) :])
    event = cast("dict[str, Any]", fastavro.schemaless_reader(rest, SCHEMA))
    assert rest.read() == b""
    return event


@pytest.fixture(scope="module")
def events() -> list[dict[str, Any]]:
    return [_decode(record) for record in _load().chunk(5_000)]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert _load().chunk(1_000) == _load().chunk(1_000)
    assert _load(1).chunk(10) != _load(2).chunk(10)


def test_the_key_is_the_session() -> None:
    for record in _load().chunk(100):
        assert record.key.decode() == _decode(record)["session_id"]


def test_times_advance_at_the_rate(events: list[dict[str, Any]]) -> None:
    """5,000 events at 100 a second take 50 seconds, in order, each sent and received later than it occurred."""
    times = [e["occurred_at"] for e in events]
    assert times == sorted(times)
    assert times[-1] - START_MS == pytest.approx(50_000, rel=0.01)
    assert all(e["occurred_at"] < e["sent_at"] < e["received_at"] for e in events)


def test_a_session_counts_its_events_and_ends(events: list[dict[str, Any]]) -> None:
    """Numbers run from 0 without a gap, and no session is older or larger than the shape says."""
    seen: dict[str, dict[str, Any]] = {}
    for event in events:
        last = seen.get(event["session_id"])
        again = last is not None and last["event_id"] == event["event_id"]
        assert again or event["seq"] == (0 if last is None else last["seq"] + 1)
        seen[event["session_id"]] = event
    assert max(e["seq"] for e in events) < SHAPE.session_events
    assert len(seen) > SHAPE.sessions * 0.5


def test_a_few_records_are_sent_twice(events: list[dict[str, Any]]) -> None:
    twice = [n for n in Counter(e["event_id"] for e in events).values() if n > 1]
    assert 0 < len(twice) < 0.02 * len(events)


def test_popularity_falls_with_rank() -> None:
    """Zipf: the first of 100,000 sessions gets one record in twelve."""
    load = Load(1, START_MS, LoadShape(session_s=1e6, session_events=10**6), journeys=2)
    top = Counter(record.key for record in load.chunk(10_000)).most_common(1)[0][1]
    assert top == pytest.approx(10_000 / 12.09, rel=0.15)


@given(st.integers(600_000_000_000, 2_199_000_000_000))
def test_times_encode_as_avro_longs(time_ms: int) -> None:
    assert time_bytes(np.array([time_ms])) == varint(time_ms)


@given(st.integers(0, 2**62))
def test_varints_decode_to_what_they_were(number: int) -> None:
    assert fastavro.schemaless_reader(io.BytesIO(varint(number)), "long") == number


@given(st.lists(st.floats(0.001, 3.0), min_size=1))
def test_a_late_tick_is_made_up_for(pauses: list[float]) -> None:
    """Whatever the clock's steps, the sum sent is the rate times the time that passed."""
    readings = [0.0, *np.cumsum(pauses).tolist()]
    assert sum(paced_counts(1_000.0, iter(readings))) == int(readings[-1] * 1_000.0)
