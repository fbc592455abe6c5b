"""The schemas that writers published on `lamstream-schemas`, for those who look once."""

from __future__ import annotations

import logging

from schemas.errors import SchemaError
from schemas.store import SchemaStore
from topics.settings import Settings
from topics.state.global_state import GlobalState
from topics.table import SCHEMAS_TOPIC

log = logging.getLogger(__name__)


def add_published(store: SchemaStore, settings: Settings) -> None:
    """Read the topic of schemas to its end into the store. Raises TopicMismatch where it cannot be read."""
    published = GlobalState(settings, settings.prefix + SCHEMAS_TOPIC, lambda key, value: add(store, key, value))
    try:
        published.start()
    finally:
        published.close()


def add(store: SchemaStore, fingerprint: str, schema: bytes | None) -> None:
    """Take in one record of the topic; what cannot be used is logged and left out."""
    if schema is None:
        return
    try:
        store.add(schema.decode())
    except (SchemaError, UnicodeDecodeError) as unusable:
        log.warning("%s: the schema under key %r cannot be used: %s", SCHEMAS_TOPIC, fingerprint, unusable)
