"""What a commit carries, and what refuses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import count

import pyarrow as pa
import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.kafka import Broker
from tests.topics.engine import COUNTS, LIMIT_S, engine_settings
from topics.clients import group_consumer, producer
from topics.errors import CommitFailed, StreamStopped
from topics.metrics import Meter
from topics.settings import Settings, load_settings
from topics.state.column import ColumnState
from topics.table import GROUPS
from topics.transport.assignment import Assignment, Status
from topics.transport.committer import TransactionalCommitter, produce
from topics.transport.fencing import TIMES
from topics.transport.member import Member
from topics.transport.outbox import Outgoing


class Recorded:
    """A committer that keeps what it was given."""

    def __init__(self, *, takes_offsets: bool = True) -> None:
        self.offsets: list[list[tuple[int, int]]] = []
        self.topics: list[list[str]] = []
        self._takes_offsets = takes_offsets

    def start(self) -> None: ...

    def assigned(self, consumer: Consumer) -> None: ...

    def close(self) -> None: ...

    def renew(self, stopping: Callable[[], bool]) -> bool:
        return True

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> bool:
        self.topics.append(sorted(records))
        self.offsets.append([(tp.partition, tp.offset) for tp in offsets])
        return self._takes_offsets


def member_at(offset: int, committer: Recorded) -> tuple[Member, Assignment]:
    """A member with one partition whose position is committed and whose state is whole."""
    settings = load_settings(worker_id="worker-0")
    assignment = Assignment(settings, GROUPS, {"session": lambda: ColumnState(COUNTS)})
    assignment.assign([TopicPartition("session-event", 3, offset)])
    for partition in assignment.partitions.values():
        partition.status = Status.READY
    return Member(
        settings, partial(group_consumer, settings, settings.group_id), committer, assignment, Meter(settings)
    ), assignment


def touch(assignment: Assignment) -> None:
    (partition,) = assignment.in_use()
    state = partition.states["session"]
    assert isinstance(state, ColumnState)
    state.row_numbers(pa.array(["s-0"]))


def test_a_span_of_time_alone_still_carries_its_positions() -> None:
    """Offsets are what the broker checks a member's generation by: without them a zombie could commit."""
    committer = Recorded()
    member, assignment = member_at(7, committer)
    touch(assignment)
    member.span.progress()
    member.commit()
    assert committer.topics == [["lamstream-session-changelog"]]
    assert committer.offsets == [[(3, 7)]]


def test_a_span_in_which_nothing_happened_is_not_committed() -> None:
    """No transaction for nothing."""
    committer = Recorded()
    member, _ = member_at(7, committer)
    member.span.progress()
    member.commit()
    assert committer.offsets == []


def test_offsets_that_were_not_taken_are_offered_again() -> None:
    """A rebalance that refuses offsets for now does not make the worker forget them."""
    committer = Recorded(takes_offsets=False)
    member, assignment = member_at(7, committer)
    (partition,) = assignment.in_use()
    partition.reached("session-event", 9)
    for _ in range(2):
        member.span.progress()
        member.commit()
    assert committer.offsets == [[(3, 9)], [(3, 9)]]


@pytest.fixture
def settings(kafka: str) -> Settings:
    return engine_settings(Broker(kafka, transactional=True))


def joined(settings: Settings, others: list[Consumer]) -> Consumer:
    """A consumer that became a member, while the others go on polling."""
    consumer = group_consumer(settings, settings.group_id)
    assigned: list[bool] = []
    consumer.subscribe([settings.prefix + "session-event"], on_assign=lambda *_: assigned.append(True))
    for _ in range(int(LIMIT_S / 0.1)):
        for one in [*others, consumer]:
            one.poll(0.05)
        if assigned:
            return consumer
    raise AssertionError("did not become a member")


def test_a_stale_member_commits_nothing(settings: Settings) -> None:
    """Group metadata of an older generation is refused, though its offsets would change nothing."""
    first = joined(settings, [])
    committer = TransactionalCommitter(settings, settings.group_id, Meter(settings))
    committer.start()
    committer.assigned(first)
    position = [TopicPartition(settings.prefix + "session-event", 0, 0)]
    assert committer.commit({}, position)
    second = joined(settings.model_copy(update={"worker_id": "worker-1"}), [first])
    with pytest.raises(CommitFailed, match="the span's transaction failed"):
        committer.commit({}, position)
    for consumer in (first, second):
        consumer.close()
    committer.close()


def test_a_fenced_worker_is_told_so(settings: Settings) -> None:
    """The older of two workers with one identity cannot commit."""
    older = TransactionalCommitter(settings, settings.group_id, Meter(settings))
    older.start()
    newer = TransactionalCommitter(settings, settings.group_id, Meter(settings))
    newer.start()
    record = {settings.prefix + "intervention": [Outgoing("k", b"v")]}
    with pytest.raises(CommitFailed, match="LAM_WORKER_ID"):
        older.commit(record, [])
    newer.close()


def test_of_two_that_fence_each_other_one_ends(settings: Settings) -> None:
    """Were both to go on, neither would get far."""
    worker = TransactionalCommitter(settings, settings.group_id, Meter(settings))
    worker.start()
    for _ in range(TIMES - 1):
        fence(worker, settings)
    with pytest.raises(StreamStopped, match="takes turns with this one"):
        fence(worker, settings)
    worker.close()


def test_who_is_fenced_now_and_then_goes_on(settings: Settings) -> None:
    """As one is whose transactions time out."""
    times = count(0.0, settings.transaction_timeout_s)
    worker = TransactionalCommitter(settings, settings.group_id, Meter(settings), lambda: next(times))
    worker.start()
    for _ in range(2 * TIMES):
        fence(worker, settings)
    worker.close()


def fence(worker: TransactionalCommitter, settings: Settings) -> None:
    """Another comes and goes under its identity; then it tries to commit, is refused, and gets ready again."""
    other = TransactionalCommitter(settings, settings.group_id, Meter(settings))
    other.start()
    other.close()
    with suppress(CommitFailed):
        worker.commit({settings.prefix + "intervention": [Outgoing("k", b"v")]}, [])
        raise AssertionError("it committed")
    assert worker.renew(lambda: False)


def test_a_record_that_the_producer_refuses_is_an_error_and_no_endless_wait(embedded: str) -> None:
    """Only a full queue is waited for."""
    client = producer(load_settings(broker=embedded))
    client.list_topics("t", timeout=LIMIT_S)
    with pytest.raises(KafkaException, match="partition"):
        produce(client, {"t": [Outgoing("k", b"v", None, 99)]})
