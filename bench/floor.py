"""The floor: what reading, decoding and keeping state cost at the least, with no stream processor around them.

Consume, decode Avro to Arrow, and write one state row per changed session to a compacted topic, exactly once: batches
of 5,000, a transaction every 100 ms. No validation, no fold, no output. Nothing that keeps the guarantee can be faster.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from types import FrameType
from typing import Any

import pyarrow as pa
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from pyruhvro import deserialize_array

from bench.load import schema_json
from bench.subjects import INPUT

BATCH = 5_000
COMMIT_S = 0.1
ROW_BYTES = 800
HEADER_BYTES = 10
NEVER_S = 30.0


class Floor:
    """One worker: its consumer, its transactional producer, and the sessions changed since the last commit."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        group = f"{prefix}floor"
        self._topic = f"{prefix}floor-state"
        self._schema = json.dumps(schema_json())
        # Row contents that compress as a mix of counts, times and hashes does: half of it.
        self._filling = os.urandom((ROW_BYTES - 8) // 2) + bytes((ROW_BYTES - 8) // 2)
        self._changed: dict[Any, int] = {}
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "fetch.min.bytes": 1,
                "queued.min.messages": 100_000,
            }
        )
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": group,
                "partitioner": "murmur2_random",
                "compression.type": "zstd",
                "linger.ms": 5,
                "batch.size": 500_000,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self.producer.init_transactions(NEVER_S)
        self.consumer.subscribe([prefix + INPUT])

    def fold(self, messages: list[Message]) -> None:
        """Decode, and note each session with the timestamp of its newest record."""
        payloads = [(m.value() or b"")[HEADER_BYTES:] for m in messages]
        batch: pa.RecordBatch = deserialize_array(payloads, self._schema)
        for session_id, message in zip(batch.column("session_id").to_pylist(), messages, strict=True):
            self._changed[session_id] = message.timestamp()[1]

    def commit(self, positions: list[TopicPartition]) -> None:
        """One row per changed session and the offsets, in one transaction."""
        self.producer.begin_transaction()
        rows = [
            {"key": session_id, "value": struct.pack("<q", at) + self._filling}
            for session_id, at in self._changed.items()
        ]
        self.producer.produce_batch(self._topic, rows)
        self.producer.send_offsets_to_transaction(positions, self.consumer.consumer_group_metadata(), NEVER_S)
        self.producer.commit_transaction(NEVER_S)
        self._changed.clear()


def run(floor: Floor) -> None:
    """Poll, fold, commit, until told to end."""
    running = True

    def end(_signal: int, _frame: FrameType | None) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    due = time.monotonic() + COMMIT_S
    dirty = False
    while running:
        messages = [m for m in floor.consumer.consume(BATCH, max(0.0, due - time.monotonic())) if m.error() is None]
        if messages:
            floor.fold(messages)
            dirty = True
        if time.monotonic() >= due:
            if dirty:
                floor.commit(floor.consumer.position(floor.consumer.assignment()))
                dirty = False
            due = time.monotonic() + COMMIT_S
    floor.consumer.close()


if __name__ == "__main__":
    run(Floor(os.environ["LAM_BROKER"], os.environ["LAM_PREFIX"]))
