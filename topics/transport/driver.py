"""The classes that Faust asks of a transport, around the cycle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, cast

from confluent_kafka import TopicPartition
from faust.transport import base
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.consumer import Fetcher as FaustFetcher
from faust.transport.producer import Producer as FaustProducer
from faust.types import TP
from mode import Service

from schemas.errors import LamstreamError
from topics.clients import group_consumer
from topics.errors import ConfigurationError
from topics.metrics import Meter
from topics.settings import Settings
from topics.table import Group
from topics.transport.assignment import Assignment, StateFactory
from topics.transport.batch import RecordBatch
from topics.transport.committer import Committer, PlainCommitter, TransactionalCommitter
from topics.transport.cycle import Cycle, Hooks
from topics.transport.global_records import Apply
from topics.transport.member import Member, Metrics
from topics.transport.message import BatchMessage
from topics.transport.standing import Standing


class StreamDeclaration(Protocol):
    """What an app says of its stream: settings, the groups its agents read, how to make an empty state, who takes the
    records of which global topic, who takes what was counted, and whether the next stop ends the membership.
    """

    settings: Settings
    meter: Meter
    standing: Standing
    groups_in_use: dict[str, Group]
    state_factories: dict[str, StateFactory]
    global_states: dict[str, list[Apply]]
    metrics: Metrics
    leaving_for_good: bool


class Fetcher(FaustFetcher):
    """Nothing: the cycle polls, from the first moment on, since a group forms only while its members poll."""

    @Service.task
    async def _fetcher(self) -> None:
        """Return at once."""


class Producer(FaustProducer):
    """Nothing: what an agent sends leaves with its unit, inside the span."""

    async def send(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        """Refuse. Raises ConfigurationError."""
        raise ConfigurationError(
            "Faust's own send would write outside the span and survive its abort; use `unit.send(topic, record)` "
            "inside `with batch.unit() as unit`"
        )

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse. Raises ConfigurationError."""
        await self.send()

    def key_partition(self, topic: str, key: bytes) -> TP:
        """Refuse. Raises ConfigurationError."""
        raise ConfigurationError("the producer places keys; nothing here may ask where")


class Consumer(FaustConsumer):
    """One service task that runs the cycle. The base class's offset and gap bookkeeping is not used."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stream = cast(StreamDeclaration, self.app)
        self.partitions = Assignment(self._stream.settings, self._stream.groups_in_use, self._stream.state_factories)
        self._flowing = asyncio.Event()
        self._finishing = asyncio.Event()
        self._cycle: Cycle | None = None
        self._ended = asyncio.Event()
        self._generation = 0

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Faust's conductor tells which topics its agents read: join the group and begin to turn."""
        if self._cycle is not None:
            raise ConfigurationError("agents were added after the stream began; declare every agent before it starts")
        self._refuse_undeclared_states()
        settings, meter, subscription = self._stream.settings, self._stream.meter, sorted(topics)
        committer: Committer = (
            TransactionalCommitter(settings, settings.group_id, meter)
            if settings.exactly_once
            else PlainCommitter(settings, meter)
        )
        make_consumer = partial(group_consumer, settings, settings.group_id, subscription)
        member = Member(settings, make_consumer, committer, self.partitions, meter, self._stream.metrics)
        self._stream.standing.attach(self.partitions, member)
        hooks = Hooks(self._deliver, self._assigned, self._revoked)
        self._cycle = Cycle(settings, member, self.partitions, hooks, self._stream.global_states, meter)
        self.add_future(self._run(self._cycle, subscription))

    def _refuse_undeclared_states(self) -> None:
        for group in self._stream.groups_in_use.values():
            missing = [state for state in group.states if state not in self._stream.state_factories]
            if missing:
                raise ConfigurationError(
                    f"group {group.name} keeps state {', '.join(missing)}, which no agent declared with "
                    "`app.column_state` or `app.record_state`"
                )

    async def _run(self, cycle: Cycle, topics: list[str]) -> None:
        try:
            await cycle.run(topics)
        except LamstreamError as stopped:
            self.log.error("the stream stopped: %s", stopped)
            self._stream.meter.stopped(stopped)
            await self.crash(stopped)
        finally:
            self._ended.set()

    async def ended(self) -> None:
        """Wait until the cycle has ended, by `finish` or by an error (`crash_reason`)."""
        await self._ended.wait()

    async def finish(self) -> None:
        """End after the running turn, commit, leave the group's partitions in order."""
        self._finishing.set()
        if self._cycle is not None:
            self._cycle.stop(for_good=self._stream.leaving_for_good)
            await self._ended.wait()

    async def _deliver(self, topic: str, batch: RecordBatch) -> None:
        await self._flowing.wait()
        tp = TP(topic, batch.partition.number)
        offset = batch.partition.positions.get(topic, 0)
        message = BatchMessage(tp, offset, batch, batch.completion, self.app.consumer_generation_id)
        await self.callback(message)

    async def _assigned(self, partitions: list[TopicPartition]) -> None:
        self._generation += 1
        self.app.consumer_generation_id = self._generation
        if not self.app.rebalancing:
            self.app.on_rebalance_start()
        await self.on_partitions_assigned({TP(tp.topic, tp.partition) for tp in partitions}, self._generation)
        await self._until_flowing()

    async def _revoked(self, partitions: list[TopicPartition]) -> None:
        self._flowing.clear()
        self.app.on_rebalance_start()
        await self.on_partitions_revoked({TP(tp.topic, tp.partition) for tp in partitions})

    async def _until_flowing(self) -> None:
        """Wait until Faust's streams take events, or until the end: a Faust that crashed resumes nothing."""
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._flowing, self._finishing)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()

    def resume_flow(self) -> None:
        """Faust's streams take events again after a rebalance."""
        super().resume_flow()
        self._flowing.set()

    def stop_flow(self) -> None:
        """Faust's streams would skip events from here on: hold them."""
        super().stop_flow()
        self._flowing.clear()

    @Service.task
    async def _commit_handler(self) -> None:
        """The cycle commits."""

    @Service.task
    async def _commit_livelock_detector(self) -> None:  # pragma: no cover
        """A batch that is not completed in time fails its cycle."""

    async def on_stop(self) -> None:
        """End the cycle."""
        await self.finish()

    async def wait_empty(self) -> None:
        """Nothing is in flight between two turns."""

    async def commit(self, *args: Any, **kwargs: Any) -> bool:
        """Refuse to commit from outside the cycle; Faust asks on its way down."""
        return False

    async def perform_seek(self) -> None:
        """The assignment was made at the committed offsets."""

    def assignment(self) -> set[TP]:
        """The partitions Faust's streams take events of."""
        return {
            TP(tp.topic, tp.partition) for one in self.partitions.partitions.values() for tp in one.topic_partitions
        }

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def _to_message(self, tp: TP, record: Any) -> Any:
        raise NotImplementedError("records do not pass one by one")

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        raise NotImplementedError("the cycle polls")

    def getmany(self, timeout: float) -> AsyncIterator[Any]:
        """The cycle polls."""
        raise NotImplementedError("the cycle polls")

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return False

    async def _seek(self, partition: TP, offset: int) -> None:
        raise NotImplementedError("the assignment seeks")

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Nothing to seek: Faust's tables are not used."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """The assignment was made at the committed offsets."""
        return {}

    async def position(self, tp: TP) -> int | None:
        """The offset after the last record that took effect."""
        partition = self.partitions.of(tp.topic, tp.partition)
        return None if partition is None else partition.positions.get(tp.topic)

    def highwater(self, tp: TP) -> int:
        """Not known to Faust; `lam lag` asks the broker."""
        return 0

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """Nothing to read from: Faust's tables are not used."""
        return {}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Nothing to read to: Faust's tables are not used."""
        return {}

    def topic_partitions(self, topic: str) -> int | None:
        """Not known to Faust; the table of topics says."""
        return None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """The producer places keys."""
        return partition

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        """`lam topics apply` creates topics."""

    def close(self) -> None:
        """The cycle closes its consumer."""


class Transport(base.Transport):
    """Faust on record batches: one event is one Arrow record batch of one partition."""

    Consumer = Consumer
    Producer = Producer
    Fetcher = Fetcher

    driver_version = "lamstream batch"
