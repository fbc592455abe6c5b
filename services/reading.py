"""Reading a compacted topic for people who look: the newest record of each key."""

from __future__ import annotations

import logging
from typing import Any

from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.consuming import Record
from topics.errors import ConfigurationError
from topics.published_schemas import add_published
from topics.settings import Settings
from topics.state.global_state import GlobalState
from topics.table import TOPICS

log = logging.getLogger(__name__)


def newest(settings: Settings, topic: str) -> dict[str, dict[str, Any]]:
    """The newest committed record of each key of a topic of the table, read to its last stable offset.

    A record that cannot be read is named in the log and left out. Raises ConfigurationError for a topic that holds no
    records of ours, TopicMismatch where it does not exist or cannot be read to its end in time.
    """
    spec = TOPICS.get(topic)
    if spec is None or spec.record is None:
        raise ConfigurationError(f"topic {topic} holds no records; see `lam topics list`")
    values = _newest_values(settings, topic)
    store = SchemaStore()
    add_published(store, settings)
    decoded = Decoder(record_type(spec.record), store, unknown="dlq").decode(list(values.values()))
    keys = list(values)
    for bad in decoded.bad:
        log.warning("%s: the record of key %r cannot be read and is left out: %s", topic, keys[bad.index], bad.message)
    return {keys[row]: record for row, record in zip(decoded.rows.tolist(), decoded.batch.to_pylist(), strict=True)}


def _newest_values(settings: Settings, topic: str) -> dict[str, bytes]:
    """The newest value of each key that was not deleted."""
    values: dict[str, bytes | None] = {}

    def keep(records: list[Record]) -> None:
        values.update({(record.key() or b"").decode(errors="replace"): record.value() for record in records})

    reading = GlobalState(settings, settings.prefix + topic, keep)
    try:
        reading.start()
    finally:
        reading.close()
    return {key: value for key, value in values.items() if value is not None}
