"""Where the workers' group stands on what it reads, asked of the broker, and whether a worker may go on from there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from topics.clients import admin_client, group_observer
from topics.consuming import TopicNumber, committed_offsets, everywhere
from topics.errors import ConfigurationError, TopicMismatch
from topics.log_end import ask_topics, end_offsets, first_offsets, stable_ends
from topics.note import Note
from topics.offset_checks import Log, Strange, TopicNow, refuse, strange_offset, strange_topic
from topics.settings import Settings
from topics.table import GROUPS


class GroupOffset(NamedTuple):
    """The group's place in one partition of a topic (its full name), and where that partition's log lies.

    `committed` is None where the group committed nothing; `metadata` is what was committed beside it.
    """

    topic: str
    partition: int
    committed: int | None
    metadata: str
    log: Log

    @property
    def lag(self) -> int:
        """Offsets below the stable end that have not taken effect; an upper bound of records."""
        begins = self.log.start if self.committed is None else max(self.committed, self.log.start)
        return max(0, self.log.stable_end - begins)

    def strange(self, now: TopicNow) -> Strange | None:
        """What is strange about it, the topic first: of a topic made anew the offset says nothing more."""
        about_topic = strange_topic(self.topic, Note.of(self.metadata) or Note(), now)
        return about_topic or strange_offset(self.topic, self.partition, self.committed, self.log)


def group_offsets(settings: Settings, topics: Iterable[str] | None = None) -> list[GroupOffset]:
    """The group's place on every partition of topics of the table, else of all that agents read, by topic and number.

    Raises ConfigurationError where the broker does not answer, TopicMismatch where a topic is missing.
    """
    with observing(settings) as client:
        names = sorted(settings.prefix + topic for topic in (read_topics() if topics is None else topics))
        partitions = [tp for name in names for tp in _partitions(client, settings, name)]
        committed = committed_offsets(client, partitions, settings.request_timeout_s)
        logs = ask_logs(admin_client(settings), partitions, settings.request_timeout_s)
    return [
        GroupOffset(
            tp.topic,
            tp.partition,
            tp.offset if tp.offset >= 0 else None,
            tp.metadata or "",
            logs[(tp.topic, tp.partition)],
        )
        for tp in committed
    ]


def check_offsets(
    settings: Settings, admin: AdminClient, consumer: Consumer, assigned: Iterable[TopicPartition]
) -> dict[str, TopicNow]:
    """Whether a worker may go on from the committed offsets of its assignment; returns what its topics are now.

    `assigned` carries committed offsets, as `committed_offsets` gives them, and full names. The number of partitions
    and the id of a topic are held against the notes of all its partitions, since one that was just added has none.
    Returns nothing where commits are no transactions: the embedded broker tells no topic's id.
    Raises OffsetsOutOfLog, TopicChanged, and KafkaException where the broker does not tell in time.
    """
    own = list(assigned)
    if not settings.exactly_once or not own:
        return {}
    limit = settings.request_timeout_s
    now = ask_topics(admin, {tp.topic for tp in own}, limit)
    known = {(tp.topic, tp.partition) for tp in own}
    all_places = {(topic, number) for topic in now for number in range(now[topic].partitions)}
    others = [TopicPartition(*where) for where in sorted(all_places - known)]
    for tp in own + (committed_offsets(consumer, others, limit) if others else []):
        refuse(strange_topic(tp.topic, Note.of(tp.metadata) or Note(), now[tp.topic]))
    logs = ask_logs(admin, [TopicPartition(tp.topic, tp.partition) for tp in own], limit)
    for tp in own:
        log = logs[(tp.topic, tp.partition)]
        refuse(strange_offset(tp.topic, tp.partition, tp.offset if tp.offset >= 0 else None, log))
    return now


def ask_logs(admin: AdminClient, partitions: list[TopicPartition], timeout_s: float) -> dict[TopicNumber, Log]:
    """Where the log of each partition lies. Raises KafkaException where the broker does not answer in time."""
    starts = first_offsets(admin, partitions, timeout_s)
    stable = stable_ends(admin, partitions, timeout_s)
    ends = end_offsets(admin, partitions, timeout_s)
    return {where: Log(starts[where], stable[where], ends[where]) for where in ends}


def topics_now(settings: Settings, topics: Iterable[str]) -> dict[str, TopicNow]:
    """`ask_topics`, for people who look. Raises ConfigurationError where the broker does not tell."""
    with observing(settings):
        return ask_topics(admin_client(settings), topics, settings.request_timeout_s)


def read_topics() -> list[str]:
    """Every topic of the table that agents read."""
    return sorted(topic for group in GROUPS.values() for topic in group.topics)


@contextmanager
def observing(settings: Settings) -> Iterator[Consumer]:
    """A client that asks for the group's offsets, or sets them, and never joins.

    Raises ConfigurationError where what is asked within cannot be had.
    """
    client = group_observer(settings, settings.group_id)
    try:
        yield client
    except KafkaException as error:
        raise ConfigurationError(
            f"the offsets of group {settings.group_id} cannot be had from {settings.broker} ({error.args[0].str()}); "
            "is LAM_BROKER right, and may this client read the group?"
        ) from error
    finally:
        client.close()


def _partitions(client: Consumer, settings: Settings, name: str) -> list[TopicPartition]:
    partitions = everywhere(client, name, OFFSET_INVALID, settings.request_timeout_s)
    if not partitions:
        raise TopicMismatch(f"topic {name} does not exist; `lam topics apply` creates it")
    return partitions
