"""Reading the records of a poll with the schemas known so far, and waiting a while for one that is not."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from schemas.errors import UnknownSchema
from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.consuming import Record
from topics.errors import SchemaMissing
from topics.published_schemas import learn
from topics.settings import Clock, Settings, UnknownSchemaPolicy
from topics.state.global_state import GlobalState
from topics.table import GROUPS, SCHEMAS_TOPIC, TOPICS, TopicSpec
from topics.transport.intake import Intake, NoValue, Part, Slice

log = logging.getLogger(__name__)

WAIT_STEP_S = 0.25

InThread = Callable[[Callable[[], list[Slice]]], Awaitable[list[Slice]]]


class Reading:
    """One intake a topic, over one store of schemas that follows `lamstream-schemas`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = SchemaStore()
        self._published = GlobalState(settings, settings.prefix + SCHEMAS_TOPIC, self._learn)
        self._intakes: dict[tuple[str, bool], Intake] = {}
        self._given_up: set[bytes] = set()

    def start(self) -> None:
        """Learn the schemas published so far. Raises TopicMismatch where there is no topic of schemas."""
        self._published.start()

    def update(self, timeout_s: float = 0.0) -> int:
        """Learn what was published since; returns how many records that was."""
        return self._published.update(timeout_s)

    def close(self) -> None:
        """Stop following."""
        self._published.close()

    def empty(self, topic: str, watermark: int) -> Slice:
        """A slice without records: the passage of time."""
        return self._intake(topic, divert_unknown=False).empty(watermark)

    async def read(self, topic: str, parts: Sequence[Part], in_thread: InThread) -> list[Slice]:
        """Read what a poll brought of `topic` (its full name), waiting for a schema that is not known.

        Raises SchemaMissing where it does not turn up in time and the settings do not say to dead-letter.
        """
        try:
            return self._intake(topic, divert_unknown=False).take(parts)
        except UnknownSchema:
            return await in_thread(lambda: self.read_waiting(topic, parts))

    def read_waiting(self, topic: str, parts: Sequence[Part]) -> list[Slice]:
        """The same, on the Kafka thread, where waiting holds nobody up but the cycle. Raises SchemaMissing."""
        deadline = time.monotonic() + self._settings.unknown_schema_wait_s
        give_up = self._settings.unknown_schema is UnknownSchemaPolicy.DLQ
        divert_unknown = False
        while True:
            try:
                return self._intake(topic, divert_unknown).take(parts)
            except UnknownSchema as unknown:
                if give_up and unknown.fingerprint in self._given_up:
                    divert_unknown = True
                elif time.monotonic() < deadline:
                    self.update(WAIT_STEP_S)
                elif give_up:
                    self._given_up.add(unknown.fingerprint)
                else:
                    raise SchemaMissing(
                        f"{topic}: records carry the schema fingerprint {unknown.fingerprint.hex()}, which is in no "
                        "schema of ours and did not turn up on lamstream-schemas in "
                        f"{self._settings.unknown_schema_wait_s:g} s; publish it there, or set "
                        "LAM_UNKNOWN_SCHEMA=dlq to dead-letter such records"
                    ) from unknown

    def _intake(self, topic: str, divert_unknown: bool) -> Intake:
        known = self._intakes.get((topic, divert_unknown))
        if known is None:
            known = self._intakes[(topic, divert_unknown)] = self._new_intake(topic, divert_unknown)
        return known

    def _new_intake(self, topic: str, divert_unknown: bool) -> Intake:
        spec = TOPICS[topic.removeprefix(self._settings.prefix)]
        if spec.record is None or spec.key is None:
            raise LookupError(f"topic {spec.name} is read, but the table names no record type for it")
        return Intake.of(
            record_type(spec.record),
            self._store,
            spec.key,
            replay=self._settings.clock is Clock.EVENT,
            divert_unknown=divert_unknown,
            no_value=self._no_value(spec),
            compact=spec.compact,
        )

    def _no_value(self, spec: TopicSpec) -> NoValue:
        if any(group.heartbeats == spec.name for group in GROUPS.values()):
            return NoValue.HEARTBEAT
        return NoValue.WATERMARK if spec.input and self._settings.clock is Clock.EVENT else NoValue.BAD

    def _learn(self, records: list[Record]) -> None:
        learn(self._store, records)
