"""Record batches as columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour import warmup
from models.behaviour.columns import EventColumns
from models.behaviour.hashing import hash_column
from tests.models.behaviour.events import START, event, to_batch, to_columns
from tests.models.behaviour.strategies import seeded_stream

HOUR_MS = 3_600_000


def columns(events: list[dict[str, Any]], kafka_ms: int = START, replay: bool = False) -> EventColumns:
    return to_columns(to_batch(events), np.full(len(events), kafka_ms), replay=replay)


def test_equal_strings_hash_alike_and_others_do_not() -> None:
    """Whatever its length, its place in the column, and the width of the offsets."""
    texts = [None, "", *("a" * k for k in range(1, 40)), "ü", "a\0"]
    hashes = hash_column(pa.array(texts))
    assert hashes[0] == 0
    assert len(set(hashes.tolist())) == len(texts)
    assert (hash_column(pa.array(texts, pa.large_string())) == hashes).all()
    assert (hash_column(pa.array(["x", *texts])[1:]) == hashes).all()


def test_the_hash_never_changes() -> None:
    """State holds hashes: these stand for good."""
    assert hash_column(pa.array(["", "abcdefgh", "abcdefghi"])).tolist() == [
        16741906255324721363,
        17257188094941261130,
        441803403348315152,
    ]


def test_other_columns_are_not_hashed() -> None:
    """A column that holds no strings is an error."""
    with pytest.raises(TypeError, match="found int64"):
        hash_column(pa.array([1]))


def test_event_time_is_corrected_by_the_clients_skew() -> None:
    """A client an hour behind is moved to the collector's clock."""
    made = columns([event(occurred_at=START - HOUR_MS - 500, sent_at=START - HOUR_MS, received_at=START)])
    assert (made.time[0], made.arrival[0]) == (START - 500, START)


@pytest.mark.parametrize(("ahead_ms", "time"), [(23 * HOUR_MS, START + 23 * HOUR_MS), (23 * HOUR_MS + 1, START)])
def test_too_far_in_the_future_is_now(ahead_ms: int, time: int) -> None:
    """More than 23 h ahead of arrival is taken as arrival."""
    assert columns([event(occurred_at=START + ahead_ms, sent_at=START, received_at=START)]).time[0] == time


@pytest.mark.parametrize(("replay", "arrival"), [(False, START + 7), (True, START)])
def test_without_received_at_the_clock_decides(replay: bool, arrival: int) -> None:
    """Kafka's timestamp on the wall clock, the time of sending in replays."""
    assert columns([event(received_at=None)], START + 7, replay).arrival[0] == arrival


def test_the_watermark_never_goes_back() -> None:
    """Each record moves it to min(t, a) where that is higher."""
    made = columns([event(at_s=1), event(at_s=0), event(occurred_at=START + 9_000, sent_at=START, received_at=START)])
    assert made.watermark.tolist() == [START + 1_000] * 3


def test_an_unknown_symbol_is_an_error() -> None:
    """It says which record, what was found and what was expected."""
    with pytest.raises(ValueError, match="record 1: expected one of mobile, tablet, desktop, found watch"):
        columns([event(), event(device="watch")])


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_a_slice_of_a_batch_gives_a_slice_of_its_columns(begin: int, length: int, seed: int) -> None:
    """Arrow's offsets are minded in every column."""
    batch = to_batch(seeded_stream(seed, 200))
    stamps = np.full(200, START)
    whole = to_columns(batch, stamps)
    part = to_columns(batch.slice(begin, length), stamps[begin : begin + length])
    for name in set(EventColumns._fields) - {"watermark", "site", "sites", "site_hashes"}:
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[begin : begin + length])
    assert part.sites[part.site].tolist() == whole.sites[whole.site][begin : begin + length].tolist()


def test_kernels_take_any_batch_without_another_compilation() -> None:
    """Once warm, nulls or none, an empty batch or a slice never compile again: that would stop the stream."""
    from models.behaviour.kernel import fold_records
    from tests.models.behaviour.replay import Partition

    warmup.compile()
    partition = Partition()
    full = [event(**dict.fromkeys(("seq", "quantity", "cart_items", "explored_today"), 1))]
    for events in (seeded_stream(1), full, [event()], []):
        partition.take(events)
    assert len(fold_records.signatures) == 1  # type: ignore[attr-defined]
