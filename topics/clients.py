"""Kafka clients, configured one way: by the settings, with the security properties passed through."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Iterable
from functools import partial
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from topics.client_log import client_log
from topics.daemon_thread import on_daemon_thread
from topics.errors import NotDelivered
from topics.settings import GRACE_S, Settings, client_properties

log = logging.getLogger(__name__)

PARTITIONER = "murmur2_random"
"""Where Java and aiokafka producers put the same key; librdkafka's own default differs."""

SUBSCRIPTION_DIGITS = 8
"""Hexadecimal digits behind a worker's id in the name of its membership."""

RECONNECT_MS = 1_000
FETCH_BYTES = 8 * 1_048_576
"""Of a partition, and of all in one answer of a broker, as compressed there: what came is unpacked whole."""
PREFETCH_KIBIBYTES = 64 * 1024
REFILL_MS = 1
"""How long a partition rests once the prefetch is full; a second unless told, in which what was prefetched runs out."""
PREFETCHING = {
    "fetch.message.max.bytes": FETCH_BYTES,
    "fetch.max.bytes": FETCH_BYTES,
    "queued.max.messages.kbytes": PREFETCH_KIBIBYTES,
    "fetch.queue.backoff.ms": REFILL_MS,
    "fetch.wait.max.ms": 50,
}
"""How every consumer reads ahead."""
PRODUCER_QUEUE_RECORDS = 1_000_000
PRODUCER_QUEUE_KIBIBYTES = 512 * 1024
LEAST_WAIT_S = 0.1
PRODUCER_RECORD_BYTES = 8 * 1_048_576
"""Above every topic's limit: what a topic takes is checked by its own limit, and by its broker."""


def admin_client(settings: Settings) -> AdminClient:
    """A client for topics, offsets and groups."""
    return AdminClient(_common(settings))


def group_consumer(settings: Settings, group: str, topics: Iterable[str] = ()) -> Consumer:
    """A worker's consumer: static member of its group, nothing committed or reset behind our back.

    The `topics` it will read are part of the member's name: a broker gives a static member that comes back its old
    assignment, whatever it subscribes to now.
    """
    subscription = zlib.crc32(",".join(sorted(topics)).encode())
    return Consumer(
        _common(settings)
        | PREFETCHING
        | {
            "group.id": group,
            "group.instance.id": f"{settings.identity}-{subscription:0{SUBSCRIPTION_DIGITS}x}",
            "partition.assignment.strategy": "range",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "session.timeout.ms": _ms(settings.session_timeout_s),
            "heartbeat.interval.ms": _ms(min(3.0, settings.session_timeout_s / 3)),
            "max.poll.interval.ms": _ms(max(settings.poll_limit_s, settings.session_timeout_s)),
        }
    )


def reader(settings: Settings, reset: Literal["earliest", "error"] = "earliest") -> Consumer:
    """A consumer that belongs to no group, of committed records: for changelogs, global state, and people who look.

    `reset`: what happens where the offset that it was given lies outside the log.
    """
    return Consumer(
        _common(settings)
        | PREFETCHING
        | {
            "group.id": f"{settings.prefix}lamstream-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": reset,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )


def group_observer(settings: Settings, group: str) -> Consumer:
    """A client that asks for a group's committed offsets and never joins it."""
    return Consumer(_common(settings) | {"group.id": group, "enable.auto.commit": False})


def producer(settings: Settings, *, transactional_id: str | None = None) -> Producer:
    """A producer that places keys where every other client does; idempotent, transactional where an id is given."""
    config = _common(settings) | {
        "partitioner": PARTITIONER,
        "enable.idempotence": True,
        "compression.type": "zstd",
        "compression.level": 1,
        "linger.ms": 5,
        "batch.num.messages": 10_000,
        "message.max.bytes": PRODUCER_RECORD_BYTES,
        "queue.buffering.max.messages": PRODUCER_QUEUE_RECORDS,
        "queue.buffering.max.kbytes": PRODUCER_QUEUE_KIBIBYTES,
    }
    if transactional_id is not None:
        config |= {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": _ms(settings.transaction_timeout_s),
            "message.timeout.ms": _ms(settings.transaction_timeout_s),
        }
    return Producer(config)


def close_ended(client: Consumer | Producer) -> None:
    """Close a client that failed for good.

    It says so once more then, in 2.16 as a SystemError; a closed one says that it is.
    """
    try:
        client.close()
    except (KafkaException, RuntimeError, SystemError) as error:
        log.debug("a client that is closed: %s", error)


class Abandoned(KafkaException):
    """A call does not come back: its client may not be used any more, nor closed."""


def send_offsets(client: Producer, offsets: list[TopicPartition], metadata: object, limit_s: float) -> None:
    """Have the open transaction carry a group's offsets. Raises KafkaException where that is refused, Abandoned where
    it takes too long.

    librdkafka 2.16 does not keep to the limit here: after a broker was away it may wait for ever.
    """
    sent = on_daemon_thread(
        "lamstream-offsets", partial(client.send_offsets_to_transaction, offsets, metadata, limit_s)
    )
    try:
        sent.result(limit_s + GRACE_S)
    except TimeoutError:
        raise Abandoned(
            KafkaError(KafkaError._TIMED_OUT, f"the group's offsets were not taken within {limit_s:g} s")
        ) from None


def commit_transaction(client: Producer, limit_s: float) -> None:
    """Commit the open transaction, asking again while it may be. Raises KafkaException where that does not help."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            client.commit_transaction(max(LEAST_WAIT_S, deadline - time.monotonic()))
            return
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() >= deadline:
                raise


class Deliveries:
    """What became of the records handed to a producer: give it as their `on_delivery`, then `wait`."""

    def __init__(self) -> None:
        self._refused: list[str] = []

    def __call__(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused.append(f"{message.topic()}: {error.str()}")

    def wait(self, client: Producer, timeout_s: float) -> None:
        """Return when every record was acknowledged. Raises NotDelivered where some were refused or not answered."""
        unanswered = client.flush(timeout_s)
        if self._refused or unanswered:
            told = f"{len(self._refused)} records refused, {unanswered} not answered in {timeout_s:g} s"
            raise NotDelivered(f"{told}; the first: {', '.join(self._refused[:3]) or 'none'}")


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.broker,
        "client.id": "lamstream",
        # A broker that was away for a while is noticed within a second of its return, not ten.
        "reconnect.backoff.max.ms": RECONNECT_MS,
        "logger": client_log(),
        **client_properties(),
    }


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
