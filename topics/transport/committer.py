"""Making a span permanent: outputs, changelogs and offsets, in one transaction or, on the embedded broker, in turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from topics.clients import producer
from topics.errors import CommitFailed
from topics.settings import Settings
from topics.transport.outbox import Outgoing

BUFFER_FULL_WAIT_S = 0.05
COMMIT_TRIES = 5


class Committer(Protocol):
    """Commits spans, one after another, on the cycle's thread."""

    def start(self) -> None:
        """Get ready; with transactions, fence whoever used this identity before."""

    def assigned(self, consumer: Consumer) -> None:
        """Take the group metadata of a new assignment: once, so that a stale member's commits are refused."""

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> None:
        """Produce `records` (by full topic name) and commit `offsets`.

        Raises CommitFailed; with transactions nothing of the span is then visible.
        """

    def close(self) -> None:
        """Leave nothing open."""


class TransactionalCommitter:
    """Everything of a span in one transaction, which is open only while the span is being committed."""

    def __init__(self, settings: Settings, group: str) -> None:
        self._settings = settings
        self._producer = producer(settings, transactional_id=f"{group}-{settings.identity}")
        self._metadata: object | None = None
        self._open = False

    def start(self) -> None:
        """Fence whoever used this identity before.

        Raises CommitFailed where no transaction coordinator answers.
        """
        try:
            self._producer.init_transactions(self._settings.request_timeout_s)
        except KafkaException as error:
            raise CommitFailed(
                f"no transactional producer could be had from {self._settings.broker}: {error}; "
                "is it a real Kafka, and does it run? The embedded broker needs LAM_GUARANTEE=at_least_once"
            ) from error

    def assigned(self, consumer: Consumer) -> None:
        """Take the group metadata of a new assignment."""
        self._metadata = consumer.consumer_group_metadata()

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> None:
        """Commit the span in a transaction of its own.

        Raises CommitFailed where it was refused; it is then aborted and nothing of it is visible.
        """
        limit = self._settings.transaction_timeout_s
        try:
            self._producer.begin_transaction()
            self._open = True
            produce(self._producer, records)
            if offsets:
                self._producer.send_offsets_to_transaction(offsets, self._metadata, limit)
            self._commit_transaction(limit)
            self._open = False
        except KafkaException as error:
            self._abort()
            raise CommitFailed(f"the span's transaction was refused: {error.args[0]}; it was aborted") from error

    def close(self) -> None:
        """Abort what is open."""
        self._abort()
        self._producer.close()

    def _commit_transaction(self, limit: float) -> None:
        for last in range(COMMIT_TRIES):
            try:
                self._producer.commit_transaction(limit)
                return
            except KafkaException as error:
                if not error.args[0].retriable() or last == COMMIT_TRIES - 1:
                    raise

    def _abort(self) -> None:
        if self._open:
            self._open = False
            try:
                self._producer.abort_transaction(self._settings.transaction_timeout_s)
            except KafkaException:
                self._producer.purge()


class PlainCommitter:
    """Outputs first, offsets after: at least once, all that the embedded broker can do."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = producer(settings)
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Nothing to get ready."""

    def assigned(self, consumer: Consumer) -> None:
        """Remember whose offsets are committed."""
        self._consumer = consumer

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> None:
        """Produce, wait until all is acknowledged, then commit the offsets.

        Raises CommitFailed where a record was not delivered; its input will be read again.
        """
        refused: list[str] = []

        def delivered(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                refused.append(f"{message.topic()}: {error.str()}")

        produce(self._producer, records, delivered)
        waiting = self._producer.flush(self._settings.request_timeout_s)
        if refused or waiting:
            raise CommitFailed(f"{len(refused) + waiting} records were not delivered: {refused[:3]}")
        if offsets and self._consumer is not None:
            try:
                self._consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.REBALANCE_IN_PROGRESS:
                    raise CommitFailed(f"offsets were not committed: {error.args[0]}") from error

    def close(self) -> None:
        """Wait for what is under way."""
        self._producer.flush(self._settings.request_timeout_s)
        self._producer.close()


def produce(target: Producer, records: Mapping[str, list[Outgoing]], delivered: Any = None) -> None:
    """Hand records to the producer, waiting where its queue is full."""
    callback = {} if delivered is None else {"on_delivery": delivered}
    for topic, waiting in records.items():
        plain: dict[int | None, list[dict[str, Any]]] = {}
        for key, value, headers, partition in waiting:
            if headers:
                _produce_one(target, topic, Outgoing(key, value, headers, partition), callback)
            else:
                plain.setdefault(partition, []).append({"key": key, "value": value})
        for partition, messages in plain.items():
            where = callback if partition is None else {**callback, "partition": partition}
            while messages:
                target.produce_batch(topic, messages, **where)
                messages = [{"key": one["key"], "value": one["value"]} for one in messages if "_error" in one]
                target.poll(BUFFER_FULL_WAIT_S if messages else 0)


def _produce_one(target: Producer, topic: str, one: Outgoing, callback: dict[str, Any]) -> None:
    where = callback if one.partition is None else {**callback, "partition": one.partition}
    while True:
        try:
            target.produce(topic, one.value, one.key, headers=one.headers, **where)
            return
        except BufferError:
            target.poll(BUFFER_FULL_WAIT_S)
