"""The order of arrival, and how records fall into batches, are immaterial until the watermark makes them count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assembly.config import HOUR_MS
from models.assembly.container import due_at, on_activity, on_mutation, on_time, on_tombstone
from models.assembly.state import Container
from tests.models.assembly.events import (
    BORN,
    CONFIG,
    FINAL,
    FIRST,
    RETIRED,
    activity,
    mutation,
    parent_stats,
    tombstone,
)

PARENT = parent_stats((BORN, 50, 0.4), (BORN + HOUR_MS, 40, 0.3))
Record = dict[str, Any]

mutations = st.builds(
    mutation,
    st.integers(1, 3),
    event_id=st.sampled_from(["m-1", "m-2"]),
    occurred_at=st.sampled_from([BORN, BORN + 1, RETIRED + 1]),
).map(lambda made: made | {"hypothesis": f"{made['event_id']} {made['version']} {made['occurred_at']}"})
tombstones = st.builds(tombstone, st.sampled_from(["t-1", "t-2"]), occurred_at=st.sampled_from([RETIRED, RETIRED + 1]))
rewards = st.integers(0, 8).map(lambda eighths: eighths / 8)
activities = st.builds(
    activity,
    st.integers(0, 60),
    hour=st.integers(0, 5).map(lambda number: BORN + number * HOUR_MS),
    mean_reward=rewards,
    feature_set=st.sampled_from(["f-1", "f-2"]),
    mean=st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)),
    m2=st.tuples(st.floats(0, 1e3), st.floats(0, 1e3)),
    scorer=st.sampled_from([None, "s-1", "s-2"]),
    holdout_n=st.just(0),
)
stories = st.tuples(
    st.lists(mutations, max_size=3), st.lists(tombstones, min_size=1, max_size=3), st.lists(activities, max_size=8)
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])


def take(container: Container | None, record: Record, watermark: int) -> Container | None:
    if "version" in record:
        return on_mutation(container, record, record["occurred_at"])
    if "reason" in record:
        return on_tombstone(container, record, record["occurred_at"])
    return on_activity(container, record, watermark)


def live(batches: list[tuple[list[Record], int]]) -> list[Record]:
    """The tuples that leave when batches arrive, each with the watermark after it, as the agent lives through them."""
    container: Container | None = None
    tuples: list[Record] = []
    for records, watermark in batches:
        for record in records:
            container = take(container, record, watermark)
        due = None if container is None else due_at(container, CONFIG)
        if container is None or due is None or due > watermark:
            continue
        container, effects = on_time(container, watermark, PARENT, CONFIG)
        if effects.tuple_revision is not None:
            tuples.append(effects.tuple_revision)
    return tuples


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Every number, text and null of a record, by where it stands."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None:
        return {path: value}
    return {where: leaf for name, part in inner for where, leaf in flat(part, f"{path}.{name}").items()}


def assert_same(one: Record, other: Record) -> None:
    """The tuples say the same, but for rounding."""
    ours, theirs = flat(one), flat(other)
    assert ours.keys() == theirs.keys()
    for where, value in ours.items():
        assert theirs[where] == (pytest.approx(value, rel=1e-9, abs=1e-9) if isinstance(value, float) else value), where


@given(stories, st.data())
def test_any_order_in_any_batches_makes_the_same_tuple(story: list[Record], data: st.DataObject) -> None:
    """What arrives before W passes makes one and the same first tuple, and one and the same final one."""
    shuffled = data.draw(st.permutations(story))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(story)), max_size=4)))
    marks = sorted(data.draw(st.lists(st.integers(BORN, FIRST - 1), min_size=len(cuts) + 1, max_size=len(cuts) + 1)))
    parts = [shuffled[low:high] for low, high in zip([0, *cuts], [*cuts, len(story)], strict=True)]
    ends: list[tuple[list[Record], int]] = [([], FIRST + 1), ([], FINAL + 1)]
    expected = live([(story, FIRST - 1), *ends])
    found = live([*zip(parts, marks, strict=True), *ends])
    assert [one["final"] for one in found] == [False, True]
    for one, other in zip(expected, found, strict=True):
        assert_same(one, other)


@given(stories, st.data())
def test_whatever_arrives_before_the_final_revision_is_in_it(story: list[Record], data: st.DataObject) -> None:
    """Amendments come in number order with one id, at most one an event-hour, and the last one says all there was."""
    container = [tombstone("t-0", occurred_at=RETIRED - 1)]
    shuffled = data.draw(st.permutations(story))
    marks = sorted(data.draw(st.lists(st.integers(FIRST, FINAL - 2), min_size=len(story), max_size=len(story))))
    late = [([record], mark) for record, mark in zip(shuffled, marks, strict=True)]
    tuples = live([(container, FIRST - 2), *late, ([], FINAL)])
    assert [one["revision"] for one in tuples] == list(range(1, len(tuples) + 1))
    assert {one["tuple_id"] for one in tuples} == {f"c-1:{RETIRED - 1}"}
    assert [one["final"] for one in tuples] == [False] * (len(tuples) - 1) + [True]
    hours = [one["made_at"] // HOUR_MS for one in tuples[:-1]]
    assert len(set(hours)) == len(hours)
    (alone,) = live([(container + story, FINAL)])
    assert_same(alone | {"revision": 0}, tuples[-1] | {"revision": 0})
