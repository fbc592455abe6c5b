"""Which committed offsets a worker may go on from."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.errors import OffsetsOutOfLog, TopicChanged
from topics.note import Note
from topics.offset_checks import Log, Strangeness, TopicNow, strange_offset, strange_topic

OFFSETS = st.integers(0, 2**62)
LOGS = st.lists(OFFSETS, min_size=3, max_size=3).map(lambda found: Log(*sorted(found)))
NOTES = st.builds(Note, partitions=st.none() | st.integers(1, 100), topic_id=st.none() | st.text(max_size=22))
TOPICS = st.builds(TopicNow, st.integers(1, 100), st.text(max_size=22))


@given(LOGS, st.data())
def test_what_the_log_holds_is_no_wonder(log: Log, data: st.DataObject) -> None:
    """From its start to its stable end, both included, and where nothing was committed."""
    held = st.integers(log.start, log.stable_end)
    assert strange_offset("t", 0, data.draw(st.none() | held), log) is None


@given(OFFSETS)
def test_a_quiet_partition_that_was_emptied_is_no_wonder(end: int) -> None:
    """It was read to its end; then retention took everything."""
    assert strange_offset("t", 0, end, Log(end, end, end)) is None


@given(LOGS.filter(lambda log: log.start > 0), st.data())
def test_records_deleted_before_they_were_read_stop(log: Log, data: st.DataObject) -> None:
    """Also where the log is empty now: whether records or markers lay there cannot be told."""
    committed = data.draw(st.integers(0, log.start - 1))
    found = strange_offset("t", 3, committed, log)
    assert found is not None
    assert (found.what, found.what.stops) == (Strangeness.BELOW_START, True)
    assert f"t[3]: the group's offset is {committed}, the log begins at {log.start}" in found.message
    assert isinstance(found.error(), OffsetsOutOfLog)


@given(LOGS, st.integers(1, 2**40))
def test_an_offset_above_the_end_stops(log: Log, above: int) -> None:
    """The topic is another, or lost its end; what comes up to there would be skipped."""
    found = strange_offset("t", 3, log.end + above, log)
    assert found is not None
    assert (found.what, found.what.stops) == (Strangeness.ABOVE_END, True)
    assert "lam offsets reset" in found.message
    assert isinstance(found.error(), OffsetsOutOfLog)


def test_an_offset_above_an_open_transaction_is_told_and_does_not_stop() -> None:
    """Whether that transaction commits is not known."""
    found = strange_offset("t", 0, 9, Log(0, 8, 10))
    assert found is not None
    assert (found.what, found.what.stops) == (Strangeness.ABOVE_STABLE_END, False)


@given(NOTES, TOPICS)
def test_a_topic_is_strange_where_its_note_says_otherwise(note: Note, now: TopicNow) -> None:
    """What a note does not tell is not held against the topic; an id tells more than a number of partitions."""
    found = strange_topic("t", note, now)
    if note.topic_id not in (None, now.topic_id):
        assert found is not None
        assert found.what is Strangeness.REMADE
    elif note.partitions not in (None, now.partitions):
        assert found is not None
        assert found.what is Strangeness.REPARTITIONED
        assert f"{note.partitions} partitions, found {now.partitions}" in found.message
    else:
        assert found is None
    assert found is None or (found.what.stops and isinstance(found.error(), TopicChanged))


@given(NOTES, st.dictionaries(st.text(), st.integers()))
def test_a_note_comes_back_beside_whatever_else_it_says(note: Note, further: dict[str, int]) -> None:
    """Other fields are others' business."""
    told = {name: value for name, value in asdict(note).items() if value is not None}
    others = {name: value for name, value in further.items() if name not in asdict(note)}
    assert Note.of(json.dumps({**others, **told})) == note


@pytest.mark.parametrize(
    "metadata", [None, "", "not JSON", "[1]", "12", "[" * 10_000, '{"partitions": "12", "topic_id": 3}', "null"]
)
def test_other_metadata_is_no_note(metadata: str | None) -> None:
    """Kafka's own tools write what they like."""
    assert Note.of(metadata) in (None, Note())
