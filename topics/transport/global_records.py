"""Global states of agents: compacted topics that every worker reads whole, decoded, and keeps up with.

Runs on the Kafka thread, between two turns: no batch is with an agent meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from topics.consuming import Record
from topics.settings import Settings
from topics.state.global_state import GlobalState
from topics.transport.intake import Part
from topics.transport.reading import Reading
from topics.watermark import BEFORE_ALL

log = logging.getLogger(__name__)

Apply: TypeAlias = "Callable[[str, dict[str, Any] | None, int], None]"
"""Takes a key, its record (None: the key was deleted) and the record's offset."""


class GlobalStates:
    """Every global topic of an app, by its name in the table, with those who take its records."""

    def __init__(self, settings: Settings, takers: Mapping[str, Sequence[Apply]], reading: Reading) -> None:
        self._prefix = settings.prefix
        self._reading = reading
        self._states = [
            GlobalState(settings, settings.prefix + topic, partial(self._take, takers[topic])) for topic in takers
        ]

    def start(self) -> None:
        """Read every topic to the end it has now, waiting for no transaction.

        Raises TopicMismatch where one does not exist or answer, SchemaMissing as `Reading` does.
        """
        for state in self._states:
            state.start()

    def update(self) -> None:
        """Apply what arrived since. Raises SchemaMissing as `Reading` does."""
        for state in self._states:
            state.update()

    def close(self) -> None:
        """Stop following."""
        for state in self._states:
            state.close()

    def _take(self, takers: Sequence[Apply], records: list[Record]) -> None:
        present = [record for record in records if record.value() is not None]
        decoded = iter(self._decode(present) if present else ())
        for record in records:
            value = None if record.value() is None else next(decoded)
            if record.value() is None or value is not None:
                for apply in takers:
                    apply((record.key() or b"").decode(errors="replace"), value, record.offset())

    def _decode(self, records: list[Record]) -> list[dict[str, Any] | None]:
        """Each record's fields, None where it cannot be read: that is logged, and what was known before stays."""
        (part,) = self._reading.read_waiting(records[0].topic(), [Part(records, BEFORE_ALL)])
        bad = {one.position for one in part.diverted}
        for one in part.diverted:
            where = f"{one.record.topic()}[{one.record.partition()}] offset {one.record.offset()}"
            log.warning("%s: skipped, going on with what was known before: %s: %s", where, one.reason, one.message)
        good = iter(part.columns.to_pylist())
        return [None if position in bad else next(good) for position in range(len(records))]
