"""Making a span permanent: outputs, changelogs and offsets, in one transaction or, on the embedded broker, in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import groupby
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from topics.clients import Abandoned, Deliveries, close_ended, commit_transaction, producer, send_offsets
from topics.errors import CommitFailed, NotDelivered, StreamStopped
from topics.faults import Point, reach
from topics.metrics import Meter
from topics.settings import OFFSETS_S, Settings
from topics.transport.fencing import Fencing
from topics.transport.outbox import Outgoing

BUFFER_FULL_WAIT_S = 0.05
RENEW_S = 5.0
"""How long one attempt to have a producer again may take."""
RENEW_PAUSE_S = 0.2

REFUSED = frozenset(
    {
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)
"""What no waiting mends."""

REFUSED_FOR_GOOD = REFUSED | {
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
"""Of what is sent and where to: the same span would be refused again."""

FENCED = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})

log = logging.getLogger(__name__)


class Committer(Protocol):
    """Commits spans, one after another, on the cycle's thread."""

    def start(self) -> None:
        """Get ready; with transactions, fence whoever used this identity before."""

    def assigned(self, consumer: Consumer) -> None:
        """Take the group metadata of a new assignment: once, so that a stale member's commits are refused."""

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> bool:
        """Produce `records` (by full topic name) and commit `offsets`; False where only the offsets must wait.

        Raises CommitFailed: what became of it must be asked, once `renew` returned True.
        """

    def renew(self, stopping: Callable[[], bool]) -> bool:
        """After a failed commit, be able to commit again, with nothing of ours undecided; False where it was not
        possible before `stopping`. Raises StreamStopped where waiting does not help.
        """

    def close(self) -> None:
        """Leave nothing open."""


class TransactionalCommitter:
    """Everything of a span in one transaction, which is open only while the span is being committed."""

    def __init__(
        self, settings: Settings, group: str, meter: Meter, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` tells seconds."""
        self._settings = settings
        self._meter = meter
        self._id = f"{group}-{settings.identity}"
        self._producer = producer(settings, transactional_id=self._id)
        self._metadata: object | None = None
        self._open = False
        self._usable = True
        self._abandoned = False
        # A producer that is fenced by a timeout had a whole one to itself.
        self._fencing = Fencing(settings.identity, settings.transaction_timeout_s, clock)

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

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> bool:
        """Commit the span in a transaction of its own.

        Raises CommitFailed where it was refused or not answered; all of it is visible then, or nothing. Raises
        StreamStopped where another worker under this identity refuses it over and over.
        """
        limit = self._settings.transaction_timeout_s
        try:
            self._producer.begin_transaction()
            self._open = True
            with self._meter.stage("produce"):
                produce(self._producer, records)
            reach(Point.OFFSETS)
            if offsets:
                with self._meter.stage("offsets"):
                    send_offsets(self._producer, offsets, self._metadata, min(limit, OFFSETS_S))
            reach(Point.COMMIT)
            with self._meter.stage("wait"):
                commit_transaction(self._producer, limit)
            self._open = False
            reach(Point.COMMITTED)
        except KafkaException as error:
            self._abandoned = isinstance(error, Abandoned)
            self._abort()
            self._usable = False
            if error.args[0].code() in FENCED:
                self._fencing.happened()
            raise CommitFailed(
                f"the span's transaction failed: {error.args[0]}; all of the span is visible or nothing. If it says "
                "fenced, and says so again, another worker runs with this LAM_WORKER_ID",
                for_good=error.args[0].code() in REFUSED_FOR_GOOD,
                fenced=error.args[0].code() == KafkaError.FENCED_INSTANCE_ID,
            ) from error
        return True

    def renew(self, stopping: Callable[[], bool]) -> bool:
        """Make a producer anew: its first call waits until the broker has decided whatever the old one left undecided.

        Also where the old one could abort: what refused its records may go on refusing the next transaction.
        """
        while not self._usable and not stopping():
            self._drop()
            self._producer = producer(self._settings, transactional_id=self._id)
            try:
                self._producer.init_transactions(RENEW_S)
                self._usable = True
            except KafkaException as error:
                if error.args[0].code() in REFUSED:
                    raise StreamStopped(f"no transactional producer any more: {error.args[0].str()}") from error
                log.warning("no transactional producer yet: %s; trying again", error.args[0].str())
                time.sleep(RENEW_PAUSE_S)
        return self._usable

    def close(self) -> None:
        """Abort what is open."""
        self._abort()
        self._drop()

    def _drop(self) -> None:
        if self._abandoned:
            # Its successor fences it: what it may still send is refused.
            self._abandoned = False
            return
        with suppress(RuntimeError):  # it is closed
            self._producer.purge()
        close_ended(self._producer)

    def _abort(self) -> None:
        if self._open and not self._abandoned:
            with suppress(KafkaException):
                self._producer.abort_transaction(self._settings.transaction_timeout_s)
        self._open = False


class PlainCommitter:
    """Outputs first, offsets after: at least once, all that the embedded broker can do."""

    def __init__(self, settings: Settings, meter: Meter) -> None:
        self._settings = settings
        self._meter = meter
        self._producer = producer(settings)
        self._consumer: Consumer | None = None

    def start(self) -> None:
        """Nothing to get ready."""

    def assigned(self, consumer: Consumer) -> None:
        """Remember whose offsets are committed."""
        self._consumer = consumer

    def commit(self, records: Mapping[str, list[Outgoing]], offsets: list[TopicPartition]) -> bool:
        """Produce, wait until all is acknowledged, then commit the offsets; False where a rebalance refuses them.

        Raises CommitFailed where a record was not delivered; its input will be read again.
        """
        deliveries = Deliveries()
        try:
            with self._meter.stage("produce"):
                produce(self._producer, records, deliveries)
            with self._meter.stage("wait"):
                deliveries.wait(self._producer, self._settings.request_timeout_s)
            reach(Point.OFFSETS)
            if offsets and self._consumer is not None:
                with self._meter.stage("offsets"):
                    self._consumer.commit(offsets=offsets, asynchronous=False)
            reach(Point.COMMITTED)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.REBALANCE_IN_PROGRESS:
                return False
            raise CommitFailed(f"the span was not committed: {error.args[0]}; it will be read again") from error
        except NotDelivered as error:
            raise CommitFailed(f"the span was not committed: {error}; it will be read again") from error
        return True

    def renew(self, stopping: Callable[[], bool]) -> bool:
        """Nothing to renew: a plain producer goes on by itself."""
        return True

    def close(self) -> None:
        """Wait for what is under way."""
        self._producer.flush(self._settings.request_timeout_s)
        self._producer.close()


def produce(target: Producer, records: Mapping[str, list[Outgoing]], deliveries: Deliveries | None = None) -> None:
    """Hand records to the producer, waiting where its queue is full; those of a topic in their order.

    Raises KafkaException for a record that it refuses for another reason.
    """
    callback: dict[str, Any] = {} if deliveries is None else {"on_delivery": deliveries}
    for topic, waiting in records.items():
        reach(Point.PRODUCE)
        for (plain, partition), run in groupby(waiting, lambda one: (not one.headers, one.partition)):
            if plain:
                messages = [{"key": one.key, "value": one.value} for one in run]
                _produce_batch(target, topic, messages, _where(callback, partition))
            else:
                for one in run:
                    _produce_one(target, topic, one, callback)


def _produce_batch(target: Producer, topic: str, messages: list[dict[str, Any]], where: dict[str, Any]) -> None:
    while messages:
        target.produce_batch(topic, messages, **where)
        refused = [one for one in messages if "_error" in one]
        for one in refused:
            if one["_error"].code() != KafkaError._QUEUE_FULL:
                raise KafkaException(one["_error"])
        messages = [{"key": one["key"], "value": one["value"]} for one in refused]
        target.poll(BUFFER_FULL_WAIT_S if messages else 0)


def _produce_one(target: Producer, topic: str, one: Outgoing, callback: dict[str, Any]) -> None:
    while True:
        try:
            target.produce(topic, one.value, one.key, headers=one.headers, **_where(callback, one.partition))
            return
        except BufferError:
            target.poll(BUFFER_FULL_WAIT_S)


def _where(callback: dict[str, Any], partition: int | None) -> dict[str, Any]:
    return callback if partition is None else {**callback, "partition": partition}
