"""The schemas that writers published on `lamstream-schemas`, for those who look once."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from schemas.errors import SchemaError
from schemas.store import SchemaStore
from topics.consuming import Record
from topics.settings import Settings
from topics.state.global_state import GlobalState
from topics.table import SCHEMAS_TOPIC

log = logging.getLogger(__name__)


def add_published(store: SchemaStore, settings: Settings) -> None:
    """Read the topic of schemas into the store. Raises TopicMismatch where it cannot be read."""
    published = GlobalState(settings, settings.prefix + SCHEMAS_TOPIC, lambda records: learn(store, records))
    try:
        published.start()
    finally:
        published.close()


def learn(store: SchemaStore, records: Iterable[Record]) -> None:
    """Take in records of the topic; what cannot be used is logged and left out."""
    for record in records:
        schema = record.value()
        if schema is None:
            continue
        try:
            store.add(schema.decode())
        except (SchemaError, UnicodeDecodeError) as unusable:
            log.warning("%s: the schema under key %r cannot be used: %s", SCHEMAS_TOPIC, record.key(), unusable)
