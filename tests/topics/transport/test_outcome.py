"""What became of a commit that failed, told by the notes that the group has beside its offsets."""

from __future__ import annotations

from confluent_kafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from topics.note import Note
from topics.table import GROUPS
from topics.transport.assignment import Committed, Partition
from topics.transport.outcome import outcome

GROUP = GROUPS["live"]
ASKED, BEFORE = "asked", "before"


def partition(number: int, moved: list[str], committed: list[str]) -> Partition:
    """A partition that has a position on the topics `moved`, and committed on those of `committed` before."""
    return Partition(
        group=GROUP,
        number=number,
        topics=GROUP.topics,
        states={},
        breakers={},
        positions=dict.fromkeys(moved, 7),
        committed={topic: Committed(5, BEFORE) for topic in committed},
    )


def left(one: Partition, commit: dict[str, str]) -> list[TopicPartition]:
    """What the group has of a partition, by the commit that left it on each topic."""
    return [
        TopicPartition(topic, one.number, 7, metadata=Note(commit=commit[topic]).encode())
        if topic in commit
        else TopicPartition(topic, one.number)
        for topic in one.topics
    ]


@st.composite
def partitions(draw: st.DrawFn) -> list[tuple[Partition, bool]]:
    """Partitions with a position on every topic on which they committed, or that they read since; some are stolen."""
    drawn = []
    for number in range(draw(st.integers(1, 5))):
        committed = draw(st.lists(st.sampled_from(GROUP.topics), unique=True))
        moved = sorted({*committed, *draw(st.lists(st.sampled_from(GROUP.topics), unique=True))})
        drawn.append((partition(number, moved, committed), draw(st.booleans())))
    return drawn


@given(partitions(), st.booleans())
def test_what_another_had_meanwhile_is_told_from_what_is_ours(
    drawn: list[tuple[Partition, bool]], applied: bool
) -> None:
    """Whether or not the commit happened: a partition is ours where the group has of it what we left there."""
    found = {}
    for one, stolen in drawn:
        ours = dict.fromkeys(one.positions, ASKED) if applied else dict.fromkeys(one.committed, BEFORE)
        found[one] = left(one, dict.fromkeys(one.topics, "another's") if stolen else ours)
    happened, mine, others = outcome(ASKED, found)
    assert happened == (applied and any(one.positions and not stolen for one, stolen in drawn))
    assert others == [one for one, stolen in drawn if stolen]
    assert mine == [one for one, stolen in drawn if not stolen]


def test_notes_that_are_no_notes_are_of_another() -> None:
    """An offset that a tool wrote, without a note or with text of its own."""
    for metadata in ("", "reset by hand", "[]"):
        one = partition(0, [GROUP.topics[0]], [GROUP.topics[0]])
        found = {one: [TopicPartition(GROUP.topics[0], 0, 3, metadata=metadata)]}
        assert outcome(ASKED, found) == (False, [], [one])
