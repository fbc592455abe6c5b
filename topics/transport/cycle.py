"""The cycle of a worker: poll, read, deliver, wait for completion, commit; one thing at a time.

Blocking calls run on one thread, the Kafka thread, and nothing is polled while a batch is with an agent. What fails in
a turn is taken back and tried again, or, where a commit failed, found out; only what neither mends ends the stream.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from confluent_kafka import TopicPartition

from schemas.errors import LamstreamError
from topics.consuming import Record
from topics.errors import AgentFailed, BreakerOpen, CommitFailed, SchemaMissing, StreamStopped, Stuck, TooMuchPoison
from topics.faults import FaultInjected, Point, reach
from topics.metrics import Meter
from topics.partition_counts import partition_counts, refuse_unequal
from topics.settings import Clock, Settings
from topics.table import GROUPS, SCHEMAS_TOPIC, TOPICS, changelog_name
from topics.transport.assignment import Assignment, Partition, Status
from topics.transport.batch import RecordBatch
from topics.transport.dead_letters import dead_letter
from topics.transport.global_records import Apply, GlobalStates
from topics.transport.heartbeats import Heartbeats, listeners
from topics.transport.intake import DivertedRecord, Part, Slice
from topics.transport.member import Assigned, Member, Rebalance
from topics.transport.message import Completion
from topics.transport.outbox import RecordEncoder
from topics.transport.patience import Patience
from topics.transport.polling import Polled
from topics.transport.reading import Reading
from topics.transport.restoring import Restoring
from topics.transport.suspects import Suspects

log = logging.getLogger(__name__)

T = TypeVar("T")

SHARE_FOR_AGENTS = 0.5
"""Of the time a worker may go without polling: how long all batches of a turn may take together."""

COMMIT_TRIES = 3
"""Commits in a row that the broker refuses for a reason of its own, after which no other is tried."""

TIME_TRIES = 3
"""Failures in a row of a partition's batches without records, after which none is tried again: there is nothing to put
aside."""


class Work(NamedTuple):
    """A slice on its way to its agent; `end` is the offset behind its last record, None where it has none."""

    partition: Partition
    topic: str
    part: Slice
    end: int | None = None


class Hooks(NamedTuple):
    """What the cycle asks of Faust: hand a batch over, hear of rebalances."""

    deliver: Callable[[str, RecordBatch], Awaitable[None]]
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
        self._encoder = RecordEncoder(f"/{settings.prefix}lamstream")
        self._suspects = Suspects(member, assignment, meter, settings.poison_run)
        self._failures_of_time: Counter[tuple[str, int]] = Counter()
        self._thread = ThreadPoolExecutor(1, "lamstream-kafka")
        self._heartbeats = Heartbeats(1, (), {})
        self._last_tick = time.monotonic()
        self._for_good = False

    async def run(self, topics: list[str]) -> None:
        """Join the group and turn until `stop`, then commit and leave; leave without committing on what nothing mends.

        Raises ConfigurationError where the topics of one group differ in their number of partitions.
        """
        try:
            await self._in_thread(self._ask_partition_counts)
            await self._in_thread(self._reading.start)
            await self._in_thread(self._global_states.start)
            await self._in_thread(lambda: self._member.join(topics))
            while not self._member.stopping.is_set():
                await self._turn_or_settle()
            await self._let_go()
        finally:
            await self._leave()

    def stop(self, *, for_good: bool = False) -> None:
        """End after the running turn; `for_good`: and end the membership of the group."""
        self._for_good = for_good
        self._member.stopping.set()

    async def _turn_or_settle(self) -> None:
        try:
            if self._member.undecided:
                await self._in_thread(self._member.settle)
            await self.turn()
        except AgentFailed as failure:
            log.warning("%s; the span is taken back and tried again", failure, exc_info=failure.__cause__)
            await self._in_thread(self._member.take_back)
        except CommitFailed as failure:
            log.warning("%s", failure)
            self._refuse_to_try_for_ever(failure)
        except STOPS_IN_ORDER:
            # Nobody died of what was tried, and who is started next is to find it as it was.
            await self._in_thread(self._member.take_back)
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
                await self._in_thread(lambda: self._member.commit(at_rest=True))
        except CommitFailed as failure:
            log.warning("%s; who comes next finds out", failure)

    async def turn(self) -> None:
        """Apply global updates, poll, deliver what came, commit when due."""
        self._meter.turned()
        for partition in self._restoring.ready():
            await self._in_thread(lambda ready=partition: self._member.resume(ready))  # type: ignore[misc]
        with self._meter.stage("poll"):
            polled = await self._in_thread(self._poll)
        if rebalances := self._member.rebalances():
            await self._announce(rebalances)
        if rebalances or self._came_again(polled):
            polled = self._unread(polled)
        self._restoring.begin(self._assignment.partitions.values())
        if self._member.stopping.is_set():
            return
        patience = Patience(self._settings.poll_limit_s * SHARE_FOR_AGENTS)
        await self._try_time_alone(patience)
        polled, commit_next = await self._in_thread(lambda: self._suspects.admit(polled))
        works = await self._works(polled)
        if not commit_next:
            # Beside what is under suspicion it could end the process, and a record would answer for it.
            works += await self._passage_of_time({work.partition for work in works})
        for work in works:
            await self._do(work, patience)
        # Behind all that this turn sent: who hears how far a source has come has had what came of it.
        for partition in {work.partition for work in works}:
            self._tell_time(partition)
        self._reached(polled)
        if commit_next or self._commit_at() <= time.monotonic():
            await self._in_thread(self._member.commit)

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

    def _came_again(self, polled: Polled) -> bool:
        """Whether a poll brought what took effect: what one took just before it announced an assignment comes twice."""
        ours = [(self._assignment.of(*where), where[0], taken[0].offset()) for where, taken in polled.records.items()]
        return any(one is not None and offset < one.positions.get(topic, 0) for one, topic, offset in ours)

    def _unread(self, polled: Polled) -> Polled:
        """What a poll brought, once and in order, less what took effect already."""
        records = {}
        for (topic, number), taken in polled.records.items():
            partition = self._assignment.of(topic, number)
            position = 0 if partition is None else partition.positions.get(topic, 0)
            in_order = {record.offset(): record for record in taken if record.offset() >= position}
            if in_order:
                records[(topic, number)] = [in_order[offset] for offset in sorted(in_order)]
        return Polled(records, polled.ends)

    def _reached(self, polled: Polled) -> None:
        ends = {where: records[-1].offset() + 1 for where, records in polled.records.items()}
        for (topic, number), offset in [*ends.items(), *polled.ends.items()]:
            partition = self._assignment.of(topic, number)
            if partition is not None and partition.status is Status.READY:
                partition.reached(topic, offset)
                self._member.span.progress()

    async def _works(self, polled: Polled) -> list[Work]:
        by_topic: defaultdict[str, list[tuple[Partition, list[Record]]]] = defaultdict(list)
        for (topic, number), records in polled.records.items():
            partition = self._assignment.of(topic, number)
            if partition is not None and partition.status is Status.READY:
                by_topic[topic].append((partition, records))
        works = []
        for topic, polled_of in by_topic.items():
            with self._meter.stage("decode"):
                read = await self._read(topic, polled_of)
            for (partition, records), part in zip(polled_of, read, strict=True):
                self._meter.read(topic, partition.number, len(records), part)
                partition.breakers[topic].observe([one.position for one in part.diverted], len(records), _last(part))
                self._divert(topic, part.diverted)
                partition.last_record = time.monotonic()
                works.append(Work(partition, topic, part, records[-1].offset() + 1))
        if works:
            reach(Point.DECODE)
        return works

    async def _read(self, topic: str, polled: list[tuple[Partition, list[Record]]]) -> list[Slice]:
        """The slice of each partition. Raises AgentFailed where a decoder fails other than by finding a record bad."""
        parts = [Part(records, partition.watermark, partition.sources) for partition, records in polled]
        try:
            return await self._reading.read(topic, parts, self._in_thread)
        except NOT_OURS_TO_CATCH:
            raise
        except BaseException:
            return [
                await self._read_alone(topic, partition, part)
                for (partition, _), part in zip(polled, parts, strict=True)
            ]

    async def _read_alone(self, topic: str, partition: Partition, part: Part) -> Slice:
        try:
            (alone,) = await self._reading.read(topic, [part], self._in_thread)
        except NOT_OURS_TO_CATCH:
            raise
        except BaseException as error:
            cause = f"reading raised {type(error).__name__}: {error}"
            self._failed(partition, topic, part.records[-1].offset() + 1, cause, "decode")
            raise AgentFailed(f"records of {topic}[{partition.number}] were not read: {cause}") from error
        return alone

    def _failed(self, partition: Partition, topic: str, end: int | None, cause: str, stage: str) -> None:
        """Suspect what was tried. Raises Stuck where there is nothing that could be put aside."""
        self._meter.reset(stage)
        if end is not None:
            partition.failed(topic, end, cause)
            return
        of = partition.group.name, partition.number
        self._failures_of_time[of] += 1
        if self._failures_of_time[of] >= TIME_TRIES:
            raise Stuck(
                f"the passage of time on partition {partition.number} of group {partition.group.name} failed "
                f"{TIME_TRIES} times in a row ({cause}): no record can be put aside for it; mend the agent and restart"
            )

    def _divert(self, topic: str, diverted: Iterable[DivertedRecord]) -> None:
        target = TOPICS[topic.removeprefix(self._settings.prefix)].dead_letters
        for one in diverted:
            letter = dead_letter(one.record, topic=topic, reason=one.reason, stage=one.stage, message=one.message)
            self._member.span.outbox.add(target, letter)

    async def _passage_of_time(self, busy: set[Partition]) -> list[Work]:
        """Empty slices for partitions without records, once per tick; idle ones follow the clock."""
        now = time.monotonic()
        if now - self._last_tick < self._settings.tick_s:
            return []
        self._last_tick = now
        marks = {partition: partition.watermark for partition in self._assignment.in_use() if partition not in busy}
        if self._settings.clock is Clock.WALL:
            quiet = [partition for partition in marks if now - partition.last_record >= self._settings.idle_s]
            silent = [partition for partition in quiet if partition.has_clock]
            for partition, asked_at in await self._in_thread(lambda: self._member.at_end(silent)):
                marks[partition] = max(marks[partition], asked_at)
        return [
            Work(partition, partition.topics[0], self._reading.empty(partition.topics[0], mark))
            for partition, mark in marks.items()
        ]

    async def _try_time_alone(self, patience: Patience) -> None:
        """Before a record answers for what an agent raised: it may raise when time passes, whatever the record."""
        for partition in self._assignment.in_use():
            if partition.doubted_until is not None:
                topic = partition.topics[0]
                await self._do(Work(partition, topic, self._reading.empty(topic, partition.doubted_until)), patience)
                partition.doubted_until = None

    async def _do(self, work: Work, patience: Patience) -> None:
        """Hand a slice to its agent and wait until it is completed.

        Raises AgentFailed where the agent raised, NotCompleted where it let go otherwise, Stuck where it did not.
        """
        partition, topic, part, end = work
        subject = f"a batch of {len(part.event_time)} records of {topic}[{partition.number}]"
        completion = Completion(subject, asyncio.get_running_loop())
        span = self._member.span
        watermark = max(part.watermark, partition.watermark)
        batch = RecordBatch(
            topic=topic.removeprefix(self._settings.prefix),
            partition=partition,
            columns=part.columns,
            event_time=part.event_time,
            arrival=part.arrival,
            watermarks=part.watermarks,
            watermark=watermark,
            encoder=self._encoder,
            span_outbox=span.outbox,
            completion=completion,
        )
        try:
            with self._meter.stage("deliver"):
                await self._hand_over(topic, batch, patience, subject)
        except AgentFailed as failure:
            self._failed(partition, topic, end, str(failure), "agent")
            if partition.alone_failed(topic):
                partition.doubted_until = watermark
            raise
        if end is None:
            self._failures_of_time.pop((partition.group.name, partition.number), None)
        elif len(part.event_time):
            self._suspects.passed((topic, partition.number))
        partition.watermark = watermark
        if partition.sources is not None:
            for heartbeat in part.heartbeats:
                partition.sources.hear(heartbeat)
        if span.outbox or partition.changed:
            span.progress()

    def _tell_time(self, partition: Partition) -> None:
        for topic, heartbeat in self._heartbeats.due(partition):
            self._member.span.outbox.add(topic, heartbeat)
            self._member.span.progress()

    async def _hand_over(self, topic: str, batch: RecordBatch, patience: Patience, subject: str) -> None:
        async def completed() -> None:
            await self._hooks.deliver(topic, batch)
            await batch.completion.outcome

        handed_over = asyncio.ensure_future(completed())
        try:
            if not await patience.done(handed_over, self._settings.batch_timeout_s):
                raise Stuck(
                    f"{subject} was not completed within LAM_BATCH_TIMEOUT_S ({self._settings.batch_timeout_s:g} s), "
                    f"or its turn within {SHARE_FOR_AGENTS:g} of LAM_POLL_LIMIT_S: is its agent running, and does "
                    "anything in it block?"
                )
            await handed_over
        finally:
            handed_over.cancel()

    async def _leave(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._restoring.stop)
        try:
            await self._in_thread(lambda: self._member.leave(for_good=self._for_good))
        finally:
            await self._in_thread(self._global_states.close)
            await self._in_thread(self._reading.close)
            self._thread.shutdown(wait=False)

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


STOPS_IN_ORDER = (BreakerOpen, SchemaMissing, TooMuchPoison)
"""What ends the stream with nothing under way; whatever else does may be of a record."""

NOT_OURS_TO_CATCH = (LamstreamError, FaultInjected, asyncio.CancelledError, KeyboardInterrupt, SystemExit)
"""What reading raises rightly; anything else, a panic of a decoder in Rust among it, may be of a record."""


def _last(part: Slice) -> str:
    if not part.diverted:
        return ""
    one = part.diverted[-1]
    return f"offset {one.record.offset()}: {one.reason}: {one.message}"
