"""The cycle of a worker: poll, read, deliver, wait for completion, commit; one thing at a time.

Blocking calls run on one thread, the Kafka thread, and nothing is polled while a batch is with an agent. What fails in
a turn is taken back and tried again, or, where a commit failed, found out; only what neither mends ends the stream.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from confluent_kafka import TopicPartition

from topics.consuming import TopicNumber
from topics.errors import (
    AgentFailed,
    BreakerOpen,
    CommitFailed,
    MembershipLost,
    SchemaMissing,
    StreamStopped,
    TooMuchPoison,
)
from topics.metrics import Meter
from topics.partition_counts import partition_counts, refuse_unequal
from topics.settings import Settings
from topics.table import GROUPS, SCHEMAS_TOPIC, changelog_name
from topics.transport.assignment import Assignment, Partition, Status
from topics.transport.delivery import Deliver, Delivery
from topics.transport.global_records import Apply, GlobalStates
from topics.transport.heartbeats import Heartbeats, listeners
from topics.transport.kafka_thread import KafkaThread
from topics.transport.member import Member
from topics.transport.patience import Patience
from topics.transport.polling import Polled, came_again, unread
from topics.transport.reading import Reading
from topics.transport.rebalance import Assigned, Rebalance
from topics.transport.restoring import Restoring
from topics.transport.suspects import Suspects
from topics.transport.work import Workload

log = logging.getLogger(__name__)

COMMIT_TRIES = 3
"""Commits in a row that the broker refuses for a reason of its own, after which no other is tried."""

STOPS_IN_ORDER = (BreakerOpen, SchemaMissing, TooMuchPoison)
"""What ends the stream with nothing under way; whatever else does may be of a record."""


class Hooks(NamedTuple):
    """What the cycle asks of Faust: hand a batch over, hear of rebalances."""

    deliver: Deliver
    assigned: Callable[[list[TopicPartition]], Awaitable[None]]
    revoked: Callable[[list[TopicPartition]], Awaitable[None]]


class Cycle:
    """Turns until told to stop. `run` raises StreamStopped when the stream cannot go on rightly."""

    def __init__(
        self,
        settings: Settings,
        member: Member,
        assignment: Assignment,
        hooks: Hooks,
        global_states: Mapping[str, Sequence[Apply]],
        meter: Meter,
    ) -> None:
        self._settings = settings
        self._meter = meter
        self._member = member
        self._assignment = assignment
        self._hooks = hooks
        self._reading = Reading(settings)
        self._global_topics = set(global_states)
        self._global_states = GlobalStates(settings, global_states, self._reading)
        self._restoring = Restoring(settings, meter, assignment.factories)
        self._suspects = Suspects(member, assignment, meter, settings.poison_run)
        self._thread = KafkaThread()
        self._workload = Workload(settings, member, assignment, meter, self._reading, self._suspects, self._thread)
        self._delivery = Delivery(settings, member, meter, self._suspects, hooks.deliver)
        self._heartbeats = Heartbeats(1, (), {})
        self._for_good = False

    async def run(self, topics: list[str]) -> None:
        """Join the group and turn until `stop`, then commit and leave; leave without committing on what nothing mends.

        Raises ConfigurationError where the topics of one group differ in their number of partitions.
        """
        try:
            await self._thread.run(self._ask_partition_counts)
            await self._thread.run(self._reading.start)
            await self._thread.run(self._global_states.start)
            await self._thread.run(lambda: self._member.join(topics))
            while not self._member.stopping.is_set():
                await self._turn_or_join_anew()
            await self._let_go()
        finally:
            await self._leave()

    def stop(self, *, for_good: bool = False) -> None:
        """End after the running turn; `for_good`: and end the membership of the group."""
        self._for_good = for_good
        self._member.stopping.set()

    async def _turn_or_join_anew(self) -> None:
        try:
            await self._turn_or_settle()
        except MembershipLost as lost:
            if self._member.stopping.is_set():
                log.warning("%s; the worker ends without it", lost)
                return
            await self._thread.run(partial(self._member.join_anew, lost))

    async def _turn_or_settle(self) -> None:
        try:
            if self._member.undecided:
                await self._thread.run(self._member.settle)
            await self.turn()
        except AgentFailed as failure:
            log.warning("%s; the span is taken back and tried again", failure, exc_info=failure.__cause__)
            await self._thread.run(self._member.take_back)
        except CommitFailed as failure:
            log.warning("%s", failure)
            self._refuse_to_try_for_ever(failure)
        except STOPS_IN_ORDER:
            # Nobody died of what was tried, and who is started next is to find it as it was.
            with suppress(MembershipLost):
                await self._thread.run(self._member.take_back)
            await self._let_go()
            raise

    def _refuse_to_try_for_ever(self, failure: CommitFailed) -> None:
        if self._member.failed_in_a_row >= COMMIT_TRIES and failure.for_good:
            raise StreamStopped(
                f"{COMMIT_TRIES} commits in a row were refused, the last so: {failure}. Trying again does not mend it: "
                "look at the topics' max.message.bytes and at what this client is allowed, then restart"
            ) from failure

    async def _let_go(self) -> None:
        """Commit what is open, and say beside it that nobody died here."""
        try:
            if not self._member.undecided:
                await self._thread.run(lambda: self._member.commit(at_rest=True))
        except CommitFailed as failure:
            log.warning("%s; who comes next finds out", failure)

    async def turn(self) -> None:
        """Apply global updates, poll, deliver what came, commit when due."""
        self._meter.turned()
        for partition in self._restoring.ready():
            await self._thread.run(lambda ready=partition: self._member.resume(ready))  # type: ignore[misc]
        with self._meter.stage("poll"):
            polled = await self._thread.run(self._poll)
        if rebalances := self._member.rebalances():
            await self._announce(rebalances)
        if rebalances or came_again(polled, self._position):
            polled = unread(polled, self._position)
        self._restoring.begin(self._assignment.partitions.values())
        if self._member.stopping.is_set():
            return
        patience = self._delivery.patience()
        await self._try_time_alone(patience)
        polled, commit_next = await self._thread.run(lambda: self._suspects.admit(polled))
        works = await self._workload.of(polled)
        if not commit_next:
            # Beside what is under suspicion it could end the process, and a record would answer for it.
            works += await self._workload.of_time({work.partition for work in works})
        for work in works:
            await self._delivery.of(work, patience)
        # Behind all that this turn sent: who hears how far a source has come has had what came of it.
        for partition in {work.partition for work in works}:
            self._tell_time(partition)
        self._reached(polled)
        if commit_next or self._commit_at() <= time.monotonic():
            await self._thread.run(self._member.commit)

    def _ask_partition_counts(self) -> None:
        groups = self._assignment.groups.values()
        read = {topic for group in groups for topic in group.topics}
        heard = {topic for group in groups for topic in group.sources}
        listening = listeners(GROUPS.values(), read)
        carriers = {group.heartbeats for group in listening}
        changelogs = {changelog_name(state) for group in groups for state in group.states}
        needed = read | heard | carriers | changelogs | self._global_topics | {SCHEMAS_TOPIC}
        counts = partition_counts(self._settings, needed)
        refuse_unequal(groups, counts)
        self._assignment.partition_counts = counts
        self._heartbeats = Heartbeats(int(self._settings.activity_interval_s * 1000), listening, counts)

    def _poll(self) -> Polled:
        self._reading.update()
        self._global_states.update()
        return self._member.poll(max(0.0, min(self._settings.poll_s, self._commit_at() - time.monotonic())))

    def _commit_at(self) -> float:
        span = self._member.span
        if not span.progressed:
            return float("inf")
        return span.since + (self._settings.commit_urgent_s if span.outbox.urgent else self._settings.commit_s)

    async def _announce(self, rebalances: list[Rebalance]) -> None:
        for event in rebalances:
            announce = self._hooks.assigned if isinstance(event, Assigned) else self._hooks.revoked
            await announce(event.partitions)

    def _position(self, where: TopicNumber) -> int:
        partition = self._assignment.of(*where)
        return 0 if partition is None else partition.positions.get(where[0], 0)

    def _reached(self, polled: Polled) -> None:
        ends = {where: records[-1].offset() + 1 for where, records in polled.records.items()}
        for (topic, number), offset in [*ends.items(), *polled.ends.items()]:
            partition = self._assignment.of(topic, number)
            if partition is not None and partition.status is Status.READY:
                partition.reached(topic, offset)
                self._member.span.progress()

    async def _try_time_alone(self, patience: Patience) -> None:
        """Before a record answers for what an agent raised: it may raise when time passes, whatever the record."""
        for partition in self._assignment.in_use():
            if partition.doubted_until is not None:
                await self._delivery.of(self._workload.until(partition, partition.doubted_until), patience)
                partition.doubted_until = None

    def _tell_time(self, partition: Partition) -> None:
        for topic, heartbeat in self._heartbeats.due(partition):
            self._member.span.outbox.add(topic, heartbeat)
            self._member.span.progress()

    async def _leave(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._restoring.stop)
        try:
            await self._thread.run(lambda: self._member.leave(for_good=self._for_good))
        finally:
            await self._thread.run(self._global_states.close)
            await self._thread.run(self._reading.close)
            self._thread.end()
