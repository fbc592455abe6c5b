"""Sending letters back: each record and the marker that says so, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from confluent_kafka import KafkaException, Producer

from schemas.errors import LamstreamError
from services.dlq.letters import Letter
from services.dlq.plan import outgoing
from services.dlq.retried import Retried, marker_for, read_retried
from topics.clients import admin_client, commit_transaction, producer
from topics.embedded import refuse_embedded
from topics.faults import Point, reach
from topics.partition_counts import counts_on_broker
from topics.settings import Settings
from topics.table import RETRIED_TOPIC

TRANSACTIONAL_ID = "lamstream.dlq-retry"
"""No worker's: theirs begin with the group's name and a dash."""
LETTERS_AT_ONCE = 500
BYTES_AT_ONCE = 8 * 1_048_576
"""Of keys, values and headers; what a transaction holds must be sent within LAM_TRANSACTION_TIMEOUT_S."""
BY_KEY = -1
"""librdkafka's number for whichever partition the key belongs to."""


class RetryFailed(LamstreamError):
    """A transaction of letters was not committed, or its end is not known."""


class Sender:
    """Sends letters back, one transaction a call.

    Every sender of an instance has the same transactional id: a later one fences an earlier one and waits until what
    that had open is committed or taken back, and only then reads which letters were sent. So no letter goes twice,
    however many run, and wherever one of them dies.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Producer | None = None
        self._partitions: dict[str, int] = {}

    def start(self) -> Retried:
        """Fence earlier senders, and read what they sent.

        Raises ConfigurationError on an embedded broker, TopicMismatch where the topic of markers is missing,
        RetryFailed where no transactions can be had.
        """
        admin = admin_client(self._settings)
        refuse_embedded(admin, self._settings, "sending letters back exactly once")
        prefix = self._settings.prefix
        self._partitions = {
            name.removeprefix(prefix): count
            for name, count in counts_on_broker(admin, self._settings).items()
            if name.startswith(prefix)
        }
        self._producer = producer(self._settings, transactional_id=f"{prefix}{TRANSACTIONAL_ID}")
        try:
            self._producer.init_transactions(self._settings.request_timeout_s)
        except KafkaException as error:
            raise RetryFailed(
                f"no transactional producer could be had from {self._settings.broker}: {error.args[0].str()}; nothing "
                "was sent. Does the broker run, and may this user write with a transactional id?"
            ) from error
        return read_retried(self._settings)

    def send(self, letters: Sequence[Letter], now_ms: int) -> None:
        """Send the letters and mark them, all or none. Raises RetryFailed, which says what holds then."""
        client = self._started()
        try:
            client.begin_transaction()
            for letter in letters:
                record, marker = outgoing(letter, now_ms, self._partitions), marker_for(letter, now_ms)
                partition = BY_KEY if record.partition is None else record.partition
                topic = self._settings.prefix + marker.source.topic
                client.produce(topic, record.value, record.key, partition, headers=record.headers)
                client.produce(self._settings.prefix + RETRIED_TOPIC, marker.value, marker.key)
                client.poll(0)
            client.flush(self._settings.transaction_timeout_s)
            reach(Point.COMMIT)
            commit_transaction(client, self._settings.transaction_timeout_s)
            reach(Point.COMMITTED)
        except (BufferError, KafkaException) as error:
            self.close()
            raise RetryFailed(
                f"a transaction of {len(letters)} letters ended with {error.args[0]}: all of them went back or none. "
                "Run the command again: letters that went are marked, and are not sent twice. If it says fenced, "
                "another `lam dlq retry` began after this one and does its work"
            ) from error

    def close(self) -> None:
        """Take back what is open."""
        client, self._producer = self._producer, None
        if client is not None:
            try:
                client.abort_transaction(self._settings.transaction_timeout_s)
            except KafkaException:
                client.purge()

    def _started(self) -> Producer:
        if self._producer is None:
            raise LookupError("the sender was not started, or failed; make another")
        return self._producer


def batches(letters: Iterable[Letter], chosen: Callable[[Letter], bool]) -> Iterator[list[Letter]]:
    """The letters chosen, in order, as many at a time as one transaction takes."""
    batch, size = list[Letter](), 0
    for letter in filter(chosen, letters):
        weight = outgoing(letter, 0, {}).size
        if batch and (len(batch) >= LETTERS_AT_ONCE or size + weight > BYTES_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += weight
    if batch:
        yield batch


def send_back(
    sender: Sender,
    letters: Iterable[Letter],
    chosen: Callable[[Letter], bool],
    now_ms: Callable[[], int],
    told: Callable[[int], None],
) -> int:
    """Send every letter chosen; `told` hears after each transaction how many it held. Returns how many were sent."""
    sent = 0
    for batch in batches(letters, chosen):
        sender.send(batch, now_ms())
        sent += len(batch)
        told(len(batch))
    return sent
