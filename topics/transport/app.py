"""A Faust app whose agents read record batches and keep partitioned state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

import faust
from faust.tables import TableManager
from faust.types import EventT, Message

from schemas.codec import SchemaStore
from schemas.record_type import record_type
from schemas.row_layout import RowLayout
from topics.errors import ConfigurationError
from topics.metrics import Meter
from topics.settings import Settings
from topics.state.base import PartitionedState
from topics.state.column import ColumnState
from topics.state.record import RecordState
from topics.table import GROUPS, TOPICS, Group
from topics.transport.batch import RecordBatch
from topics.transport.driver import Consumer
from topics.transport.global_records import Apply
from topics.transport.member import Metrics, no_metrics
from topics.transport.standing import Standing

StateT = TypeVar("StateT", bound=PartitionedState)


class BatchSchema(faust.Schema[Any, Any]):
    """Values are record batches already; there is nothing left to decode."""

    def compile(self, app: Any, **_: Any) -> Callable[..., Any]:
        """A decoder that passes a message's batch on as the event's value."""

        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:
            event: EventT[Any] = app.create_event(None, message.value, None, message)
            return event

        return decode


class NoTables(TableManager):
    """Faust's own tables, of which there are none."""

    async def on_start(self) -> None:
        """What the base class does, without the second that it gives tables to be declared."""
        await self._update_channels()
        await self.recovery.start()


class StateHandle(Generic[StateT]):
    """A state as an agent names it; `of` finds the part that belongs to a batch's partition."""

    def __init__(self, name: str) -> None:
        self.name = name

    def of(self, batch: RecordBatch) -> StateT:
        """The state of the batch's partition."""
        state: StateT = batch.partition.states[self.name]  # type: ignore[assignment]
        return state


class StreamApp(faust.App):
    """An app over one settings object: several agents, each reading one group of the table, in one consumer group.

    Groups and states must be declared before it starts; topics of groups that no agent reads are not subscribed to.
    `metrics(name, labels, amount)`, set before it starts, is given what units counted, each once its span is committed,
    on the Kafka thread. `leaving_for_good`, set at any time before it is stopped, has it end its membership of the
    group then: its partitions do not wait for it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.meter = Meter(settings)
        self.standing = Standing(settings, self.meter)
        self.groups_in_use: dict[str, Group] = {}
        self.state_factories: dict[str, Callable[[], PartitionedState]] = {}
        self.global_states: dict[str, list[Apply]] = {}
        self.metrics: Metrics = no_metrics
        self.leaving_for_good = False
        super().__init__(
            settings.group_id,
            broker=f"batch://{settings.broker}",
            store="memory://",
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            stream_wait_empty=False,
            stream_buffer_maxsize=64,
            broker_session_timeout=settings.session_timeout_s,
            reply_create_topic=False,
            TableManager=NoTables,
        )

    @property
    def stream_consumer(self) -> Consumer:
        """The consumer, as what it is here."""
        return cast(Consumer, self.consumer)

    def group(self, name: str) -> Any:
        """The Faust topic through which one agent reads a group of the table.

        Raises ConfigurationError where the table has no such group, or another agent reads it.
        """
        if name not in GROUPS:
            raise ConfigurationError(f"the table has no group {name!r}; it has {sorted(GROUPS)}")
        if name in self.groups_in_use:
            raise ConfigurationError(f"group {name!r} is read by an agent already; one agent reads one group")
        group = self.groups_in_use[name] = GROUPS[name]
        topics = [self.settings.prefix + topic for topic in group.topics]
        # Faust's own record of acks is emptied by its commits, which never come here.
        return self.topic(*topics, schema=BatchSchema(), acks=False)

    def column_state(self, layout: RowLayout) -> StateHandle[ColumnState]:
        """A state of fixed-width rows, named by its layout."""
        self.state_factories[layout.name] = lambda: ColumnState(layout)
        return StateHandle(layout.name)

    def record_state(self, name: str, record: str, due: str | None = None) -> StateHandle[RecordState]:
        """A state of Avro records of the record type `record`; `due` names the field that its `due()` goes by."""
        store = SchemaStore()
        self.state_factories[name] = lambda: RecordState(record_type(record), store, due)
        return StateHandle(name)

    def global_state(self, topic: str, apply: Apply) -> None:
        """Have every record of a compacted topic of the table handed to `apply(key, record, offset)`.

        Each worker reads the topic whole, committed records only, to its last stable offset before the first turn, and
        keeps up with it at the start of every turn; `record` is None where the key was deleted. The order is that of
        each partition.
        A record that cannot be read is logged with topic, partition, offset and reason and skipped: the stream goes on
        with what it had. One whose writer's schema is not known waits for it as a record of an agent does, and then
        stops the worker, or is skipped under LAM_UNKNOWN_SCHEMA=dlq. `apply` runs while no batch is with an agent; what
        it raises ends the worker.
        Raises ConfigurationError for a topic that is not in the table, not compacted, or holds no records of ours.
        """
        spec = TOPICS.get(topic)
        if spec is None or not spec.compact or spec.record is None or spec.key is None:
            raise ConfigurationError(
                f"topic {topic!r} cannot be a global state; expected a compacted topic of records in topics/table.py"
            )
        self.global_states.setdefault(topic, []).append(apply)

    def _create_directories(self) -> None:
        """None: Faust's tables are not used, and a container's root may be read-only."""

    async def stop(self) -> None:
        """End the cycle first, while streams still flow; then let Faust stop."""
        if self._consumer is not None:
            await self.stream_consumer.finish()
        await super().stop()
