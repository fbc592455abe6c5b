"""Reading the topic of decisions to the end it has now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING

from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from topics.clients import reader
from topics.consuming import everywhere
from topics.errors import ConfigurationError
from topics.log_end import read_to_end
from topics.settings import Settings

log = logging.getLogger(__name__)

TOPIC = "decision"


def decisions(settings: Settings) -> Iterator[dict[str, Any]]:
    """Every committed decision, partition by partition, each in its order.

    What cannot be read is logged and left out. Raises ConfigurationError where the topic is not there, and what
    `read_to_end` raises.
    """
    topic = settings.prefix + TOPIC
    decoder = Decoder(record_type(TOPIC), SchemaStore(), unknown="dlq")
    for partition in _partitions(settings, topic):
        for records in read_to_end(settings, topic, partition):
            decoded = decoder.decode([record.value() for record in records])
            for bad in decoded.bad:
                offset = records[bad.index].offset()
                log.warning("%s[%d] offset %d is left out: %s", topic, partition, offset, bad.message)
            yield from decoded.batch.to_pylist()


def _partitions(settings: Settings, topic: str) -> list[int]:
    client = reader(settings)
    try:
        found = everywhere(client, topic, OFFSET_BEGINNING, settings.request_timeout_s)
    finally:
        client.close()
    if not found:
        raise ConfigurationError(f"found no topic {topic} at {settings.broker}; create it with `lam topics apply`")
    return sorted(target.partition for target in found)
