"""Which partitions keep their state over a rebalance, and which are restored."""

from __future__ import annotations

from confluent_kafka import TopicPartition

from tests.topics.engine import COUNTS
from topics.note import Note
from topics.settings import load_settings
from topics.state.column import ColumnState
from topics.table import GROUPS, Group
from topics.transport.assignment import Assignment, Partition, Status
from topics.transport.trial import Trial


def assigned(*offsets: int) -> Assignment:
    """Partitions 0, 1, ... at committed offsets, all of them whole."""
    assignment = Assignment(load_settings(), GROUPS, {"session": lambda: ColumnState(COUNTS)})
    assignment.assign(at(*offsets))
    for partition in assignment.partitions.values():
        partition.status = Status.READY
    return assignment


def at(*offsets: int) -> list[TopicPartition]:
    return [TopicPartition("session-event", number, offset) for number, offset in enumerate(offsets)]


def numbers(partitions: list[Partition]) -> list[int]:
    return sorted(partition.number for partition in partitions)


def test_a_partition_that_comes_back_unmoved_keeps_its_state() -> None:
    """The group still has the offsets this worker committed last: nobody else wrote since."""
    assignment = assigned(5, 8)
    before = assignment.of("session-event", 1)
    assignment.suspend()
    assert numbers(assignment.assign(at(5, 8))) == []
    assert assignment.of("session-event", 1) is before
    assert numbers(assignment.in_use()) == [0, 1]


def test_a_partition_that_moved_meanwhile_is_restored() -> None:
    """Another worker committed on it: what is in memory is old."""
    assignment = assigned(5, 8)
    before = assignment.of("session-event", 1)
    assignment.suspend()
    assert numbers(assignment.assign(at(5, 9))) == [1]
    assert before is not None
    assert before.status is Status.GONE


def test_partitions_that_went_are_freed() -> None:
    """Memory of what another worker has now is given back."""
    assignment = assigned(5, 8)
    assignment.suspend()
    assignment.assign(at(5))
    assert assignment.of("session-event", 1) is None


def test_a_partition_being_restored_does_not_survive_a_revoke() -> None:
    """Half a state is no state."""
    assignment = Assignment(load_settings(), GROUPS, {"session": lambda: ColumnState(COUNTS)})
    (restoring,) = assignment.assign(at(5))
    assignment.suspend()
    assert restoring.status is Status.GONE
    assert numbers(assignment.assign(at(5))) == [0]


def test_lost_partitions_are_forgotten() -> None:
    """What was taken without asking may have been changed by another at once."""
    assignment = assigned(5)
    assignment.drop()
    assert numbers(assignment.assign(at(5))) == [0]


def test_groups_keep_their_states_apart() -> None:
    """The same number is another partition in another group; a group may have no state."""
    groups = {**GROUPS, "watch": Group("watch", ("intervention",), ())}
    assignment = Assignment(load_settings(), groups, {"session": lambda: ColumnState(COUNTS)})
    assignment.assign([TopicPartition(topic, 0, 5) for topic in ("session-event", "intervention")])
    live, watch = assignment.of("session-event", 0), assignment.of("intervention", 0)
    assert live is not None
    assert watch is not None
    assert (set(live.states), set(watch.states)) == ({"session"}, set())
    for partition in (live, watch):
        partition.status = Status.READY
    assignment.suspend()
    assert assignment.assign([TopicPartition("session-event", 0, 5), TopicPartition("intervention", 0, 6)]) == [
        assignment.of("intervention", 0)
    ]
    assert assignment.of("session-event", 0) is live


def test_what_an_agent_raised_is_for_no_other_process_to_judge() -> None:
    """Only tries that nobody lived to tell of stand beside the offsets: another process may run a mended agent."""
    assignment = assigned(5)
    (partition,) = assignment.in_use()
    partition.failed("session-event", 6, "the agent's own trouble")
    (quiet,) = partition.noted_positions("a", {}, {}, at_rest=True)
    assert (Note.of(quiet.metadata) or Note()).tries == 0
    (tried,) = partition.noted_positions("b", {}, {"session-event": Trial(2, 6)}, at_rest=False)
    assert (Note.of(tried.metadata) or Note()).tries == 2
