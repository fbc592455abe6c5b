"""This worker as a member of its group: polls, hears of rebalances, commits spans. Runs on the Kafka thread alone.

librdkafka calls the rebalance callbacks inside the poll, when no batch is with an agent, so a revoke can still commit
the open span before the partitions go.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from functools import partial
from itertools import count
from typing import TypeAlias

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from topics.clients import admin_client, close_ended, group_observer
from topics.consuming import AWAY_ASK_S, AWAY_PAUSE_S, asking_often, committed_offsets, is_away
from topics.errors import CommitFailed, ConsumerEnded, MembershipLost, StreamStopped
from topics.faults import Point, reach
from topics.group_offsets import check_offsets
from topics.log_end import ask_topics
from topics.metrics import Meter, states_of
from topics.settings import Settings
from topics.transport.assignment import Assignment, Partition
from topics.transport.committer import Committer
from topics.transport.ends import Ends
from topics.transport.fencing import Fencing
from topics.transport.outcome import outcome
from topics.transport.polling import Polled, poll
from topics.transport.rebalance import Assigned, Rebalance, Revoked
from topics.transport.seeking import seek
from topics.transport.snapshots import Snapshots
from topics.transport.span import Span
from topics.transport.topic_watch import TopicWatch
from topics.transport.trial import Trial

log = logging.getLogger(__name__)

Metrics: TypeAlias = "Callable[[str, dict[str, str], float], None]"
"""Takes the name of a metric, its labels, and what is added to it."""

SETTLE_PAUSE_S, SETTLE_DOUBLINGS = 1 / 32, 5
"""Before it is asked what became of a commit, doubled with each that failed: the broker may still be aborting it."""

LEAVING_POLL_S = 0.1
"""How long a poll of a worker that leaves waits for the call that takes its partitions."""


def no_metrics(name: str, labels: dict[str, str], amount: float) -> None:
    """Where nobody counts."""


Trying: TypeAlias = "Mapping[tuple[Partition, str], Trial]"
"""Topic partitions about to be tried that may end the process, and what is to be thought of them if they do."""


class Member:
    """The consumer of a worker, its assignment, and the span that is open on it.

    `ends`: where its partitions begin and end.
    `undecided`: a commit failed, and `settle` must find out what became of it before anything else is done;
    `failed_in_a_row` commits did.
    `left` is set once it is a member no more, as far as this worker goes; `stopping` when it is to end: no broker that
    is away is waited for any longer.
    """

    def __init__(
        self,
        settings: Settings,
        make_consumer: Callable[[], Consumer],
        committer: Committer,
        assignment: Assignment,
        meter: Meter,
        metrics: Metrics = no_metrics,
    ) -> None:
        """`make_consumer` is called again where a consumer is at its end."""
        self.span = Span()
        self._make_consumer = make_consumer
        self._consumer = make_consumer()
        self.ends = Ends(self._consumer, assignment)
        self.left = threading.Event()
        self.stopping = threading.Event()
        self._meter = meter
        self._settings = settings
        self._committer = committer
        self._assignment = assignment
        self._snapshots = Snapshots(settings, meter)
        self._metrics = metrics
        self._rebalances: list[Rebalance] = []
        self._names = (f"{settings.identity}/{secrets.token_hex(4)}/{number}" for number in count())
        self._asked: str | None = None
        self._admin = admin_client(settings)
        self._watch = TopicWatch(partial(ask_topics, self._admin, timeout_s=settings.request_timeout_s))
        self._topics: list[str] = []
        # A consumer that is fenced by accident was away from its group for a whole session before.
        self._fencing = Fencing(settings.identity, 2 * settings.session_timeout_s)
        self.undecided = False
        self.failed_in_a_row = 0
        self._fenced = False

    @property
    def prefix(self) -> str:
        """Of topics' full names."""
        return self._settings.prefix

    def join(self, topics: list[str]) -> None:
        """Become a member. Raises CommitFailed where exactly-once is asked of a broker that cannot."""
        self._committer.start()
        reach(Point.JOIN)
        with suppress(KafkaException):
            # Where no leader is known yet, librdkafka finds a partition's beginning half a second later.
            self._consumer.list_topics(topics[0], timeout=self._settings.request_timeout_s)
        self._topics = topics
        self._subscribe()

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def poll(self, timeout_s: float) -> Polled:
        """Take what came. Raises MembershipLost, and StreamStopped for another error that waiting does not mend."""
        self._watch.look(self._assignment.facts)
        try:
            polled = poll(self._consumer, self._settings.poll_records, timeout_s)
        except ConsumerEnded as ended:
            raise MembershipLost(str(ended)) from ended
        self.ends.note()
        if polled.records:
            reach(Point.CONSUME)
        return polled

    def join_anew(self, lost: MembershipLost) -> None:
        """With another consumer, from what the group has committed.

        Raises StreamStopped where a twin takes this member's place over and over.
        """
        log.warning("%s; another consumer joins, and its partitions begin anew", lost)
        if lost.fenced:
            self._fencing.happened()
        if self._assignment.partitions:
            self._lose([tp for one in self._assignment.partitions.values() for tp in one.topic_partitions])
        self._fenced = False
        close_ended(self._consumer)
        # Whatever the group decided while it closed was of the one that closed.
        self._assignment.drop()
        self._consumer = self._make_consumer()
        self.ends = Ends(self._consumer, self._assignment)
        self._subscribe()

    def rebalances(self) -> list[Rebalance]:
        """What the group decided since this was asked last."""
        happened, self._rebalances = self._rebalances, []
        return happened

    def commit(self, *, at_rest: bool = False, trying: Trying | None = None) -> None:
        """Make the open span permanent, and begin another; `at_rest` when the partitions are let go of in order.

        Raises CommitFailed: `settle` then tells what became of the span.
        """
        if not (self.span.progressed or at_rest or trying):
            return
        with self._meter.commit():
            self._commit(self._assignment.in_use(), trying or {}, at_rest=at_rest)
        self._begin_span()

    def _commit(self, partitions: list[Partition], trying: Trying, *, at_rest: bool) -> None:
        with self._meter.stage("changelog"):
            records = self.span.records(self._settings.prefix, partitions)
        moved = any(partition.uncommitted for partition in partitions)
        if not (records or moved or (partitions and (at_rest or trying))):
            return
        reach(Point.CHANGELOG)
        self._asked = next(self._names)
        positions = self._noted_positions(partitions, trying, at_rest=at_rest)
        try:
            taken = self._committer.commit(records, positions)
        except CommitFailed as failed:
            self.undecided = True
            self._fenced = failed.fenced
            self.failed_in_a_row += 1
            raise
        self.failed_in_a_row = 0
        self._keep(partitions, offsets_taken=taken)
        self._meter.committed(records, states_of(partitions))
        self._snapshots.after_commit(partitions)

    def _noted_positions(self, partitions: list[Partition], trying: Trying, *, at_rest: bool) -> list[TopicPartition]:
        """Every position, moved or not: offsets are what the broker checks a member's generation by, and without them
        a worker that was frozen while its partitions went could still commit what time alone brought.
        """
        facts, noted = self._assignment.facts, []
        for partition in partitions:
            tried = {topic: trial for (of, topic), trial in trying.items() if of is partition}
            noted += partition.noted_positions(self._asked or "", facts, tried, at_rest=at_rest)
        return noted

    def _keep(self, partitions: list[Partition], *, offsets_taken: bool) -> None:
        for partition in partitions:
            partition.kept(self._asked or "", offsets_taken=offsets_taken)
        reach(Point.KEPT)

    def _begin_span(self) -> None:
        """Tell what was counted, now that it is permanent."""
        counts = self.span.outbox.counts
        self.span = Span()
        for metric, amount in counts.items():
            self._metrics(metric.name, dict(metric.labels), amount)

    def settle(self) -> None:
        """Find out whether the commit that failed happened, and have everything stand accordingly.

        A partition that another worker had meanwhile begins anew. Waits for brokers until it is `stopping`. Raises
        MembershipLost, and StreamStopped where waiting does not help.
        """
        reach(Point.RESET)
        self._meter.reset("commit")
        time.sleep(SETTLE_PAUSE_S * 2 ** min(self.failed_in_a_row, SETTLE_DOUBLINGS))
        found = self._renewed()
        if found is None:
            return
        self.undecided = False
        if self._fenced:
            self._fenced = False
            raise MembershipLost("the group has another member under this one's name")
        happened, mine, others = outcome(self._asked, found)
        for partition in others:
            self._begin_anew(partition, found[partition])
        log.warning("the commit that failed %s", "had happened; going on behind it" if happened else "did not happen")
        if not happened:
            self.take_back()
            return
        self._keep(mine, offsets_taken=True)
        self._begin_span()
        # What was polled and not yet tried when the commit failed must come again.
        for partition in mine:
            self._seek(partition)

    def take_back(self) -> None:
        """Have everything stand as the last commit left it, and read on from there. Raises MembershipLost."""
        for partition in self._assignment.in_use():
            partition.take_back()
            self._seek(partition)
        self.span = Span()

    def rewind(self, topic: str, number: int, offset: int) -> None:
        """Have records of a partition, from this one on, come again. Raises MembershipLost as `seek` does."""
        seek(self._consumer, TopicPartition(topic, number, offset))

    def resume(self, partition: Partition) -> None:
        """Fetch a partition whose state is whole, from where that state stands."""
        # Resumed before it is sought: after a seek it would outdate the broker's answer on where the partition begins,
        # and librdkafka asks again only half a second later. Nothing is polled in between.
        self._consumer.resume(partition.topic_partitions)
        self._seek(partition)

    def _seek(self, partition: Partition) -> None:
        for topic in partition.topics:
            self.rewind(topic, partition.number, partition.positions.get(topic, OFFSET_BEGINNING))

    def _begin_anew(self, partition: Partition, offsets: list[TopicPartition]) -> None:
        self._consumer.pause(partition.topic_partitions)
        self._assignment.replace((partition.group.name, partition.number), offsets)

    def _renewed(self) -> dict[Partition, list[TopicPartition]] | None:
        """What the group has of each partition in use, once nothing of ours is undecided; None when stopping."""
        while self._committer.renew(self.stopping.is_set):
            partitions = self._assignment.in_use()
            asked = [tp for partition in partitions for tp in partition.topic_partitions]
            try:
                committed = self._committed(asked) if asked else []
            except KafkaException as error:
                log.warning("the group's offsets cannot be asked yet: %s; trying again", error.args[0].str())
                if self.stopping.is_set():
                    return None
                continue
            by_place = {(tp.topic, tp.partition): tp for tp in committed}
            return {one: [by_place[tp.topic, tp.partition] for tp in one.topic_partitions] for one in partitions}
        return None

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """Asked by a client of its own: the member's may still wait for a coordinator that it has given up."""
        with closing(group_observer(self._settings, self._settings.group_id)) as client:
            return committed_offsets(client, partitions, AWAY_ASK_S)

    def leave(self, *, for_good: bool = False) -> None:
        """Close without committing what is open.

        The group keeps a static member that closes until its session times out: a restart gets its partitions back
        without a rebalance. `for_good` ends the membership, so that others take over at once.
        """
        reach(Point.LEAVE)
        # Closing serves what the group decided meanwhile; nothing of that is waited for.
        self.stopping.set()
        self._assignment.drop()
        self._snapshots.close()
        self.span = Span()
        try:
            if for_good:
                self._end_membership()
            close_ended(self._consumer)
        finally:
            self._committer.close()
            self.left.set()

    def _end_membership(self) -> None:
        """Unsubscribing tells the group, closing alone would not; the close that follows waits for its answer."""
        try:
            self._consumer.unsubscribe()
        except KafkaException as error:
            log.warning("the group is not told that this worker leaves for good: %s", error.args[0].str())
            return
        deadline = time.monotonic() + self._settings.request_timeout_s
        while self._consumer.assignment() and time.monotonic() < deadline:
            self._consumer.poll(LEAVING_POLL_S)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        reach(Point.ASSIGN)
        # Before anything is waited for: a generation that began meanwhile must not vouch for this assignment.
        self._committer.assigned(consumer)
        committed = self._stand_of(consumer, partitions)
        restoring = self._assignment.assign(committed)
        consumer.assign(
            [
                TopicPartition(tp.topic, tp.partition, tp.offset if tp.offset >= 0 else OFFSET_BEGINNING)
                for tp in committed
            ]
        )
        waiting = [tp for partition in restoring for tp in partition.topic_partitions]
        if waiting:
            consumer.pause(waiting)
        self._meter.rebalanced("assigned")
        self._rebalances.append(Assigned(partitions))

    def _stand_of(self, consumer: Consumer, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """The group's committed offsets, checked; of no partition where brokers are away until the worker is told to
        stop. Should the group give the partitions to another meanwhile, it tells, or refuses the next commit.
        """
        asking = asking_often(self._settings)
        while not self.stopping.is_set():
            try:
                committed = committed_offsets(consumer, partitions, asking.request_timeout_s)
                self._assignment.facts = check_offsets(asking, self._admin, consumer, committed)
            except KafkaException as error:
                if not is_away(error):
                    raise StreamStopped(f"the group's committed offsets cannot be asked: {error.args[0]}") from error
                log.warning("the group's offsets cannot be asked yet: %s; trying again", error.args[0].str())
                time.sleep(AWAY_PAUSE_S)
            else:
                return committed
        return []

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        reach(Point.REVOKE)
        try:
            if not self.undecided:
                self.commit(at_rest=True)
        except CommitFailed as error:
            log.warning("%s; its partitions begin anew wherever they go", error)
        if self.undecided:
            self._assignment.drop()
            self.span = Span()
        self._assignment.suspend()
        self._meter.rebalanced("revoked")
        self._rebalances.append(Revoked(partitions))
        reach(Point.REVOKED)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        reach(Point.LOST)
        log.warning(
            "the group gave %d partitions away without asking: this worker did not poll or answer for longer than "
            "LAM_SESSION_TIMEOUT_S (%g s) or LAM_POLL_LIMIT_S, or was fenced; nothing of the open span was committed, "
            "and what the group gives next begins anew",
            len(partitions),
            self._settings.session_timeout_s,
        )
        self._lose(partitions)

    def _lose(self, partitions: list[TopicPartition]) -> None:
        self._assignment.drop()
        self.span = Span()
        self._meter.rebalanced("lost")
        self._rebalances.append(Revoked(partitions))
