"""Reading dead letters from their topics, committed ones only."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas.errors import LamstreamError
from services.dlq.choice import Choice
from services.dlq.letters import Letter, Place, letter_of
from topics.clients import reader
from topics.consuming import everywhere, take
from topics.errors import ConfigurationError, TopicMismatch
from topics.following import follow
from topics.settings import Settings

READ_S = 0.2


class NoSuchLetter(LamstreamError):
    """No dead letter lies at that place."""


def letters(settings: Settings, choice: Choice) -> Iterator[Letter]:
    """The letters chosen, up to the end that each topic has now; of each partition in order.

    With a limit the oldest, by the time they were diverted, in that order. Raises NoSuchLetter for an id where none
    lies, TopicMismatch for a topic that does not exist, ConfigurationError where the broker does not answer.
    """
    chosen = filter(choice, _at(settings, choice.ids) if choice.ids else _all(settings, choice.topics))
    if choice.limit is None:
        return chosen
    return iter(heapq.nsmallest(choice.limit, chosen, key=lambda one: (one.timestamp, one.place)))


def _all(settings: Settings, topics: tuple[str, ...]) -> Iterator[Letter]:
    for topic in topics:
        for records in follow(settings, settings.prefix + topic, "beginning", until_end=True):
            for record in records:
                yield letter_of(record, settings.prefix)


def _at(settings: Settings, places: tuple[Place, ...]) -> Iterator[Letter]:
    client = reader(settings)
    try:
        for place in places:
            yield _one(client, settings, place)
    finally:
        client.close()


def _one(client: Consumer, settings: Settings, place: Place) -> Letter:
    topic = settings.prefix + place.topic
    first, end = _bounds(client, settings, topic, place.partition)
    nothing = NoSuchLetter(
        f"no dead letter lies at {place}: {topic}[{place.partition}] holds offsets {first} to {end - 1}, not each of "
        "them a letter, and letters are kept for 30 days; `lam dlq list --each` prints the ids there are"
    )
    if not first <= place.offset < end:
        raise nothing
    client.assign([TopicPartition(topic, place.partition, place.offset)])
    while True:
        arrived = take(client, 1, READ_S)
        for record in arrived.records:
            if record.offset() == place.offset:
                return letter_of(record, settings.prefix)
        if arrived.records or arrived.ends:
            raise nothing


def _bounds(client: Consumer, settings: Settings, topic: str, partition: int) -> tuple[int, int]:
    limit = settings.request_timeout_s
    try:
        partitions = {one.partition for one in everywhere(client, topic, 0, limit)}
        if not partitions:
            raise TopicMismatch(f"topic {topic} does not exist; `lam topics apply` creates it")
        if partition not in partitions:
            raise NoSuchLetter(f"{topic} has no partition {partition}; expected 0 to {len(partitions) - 1}")
        bounds: tuple[int, int] = client.get_watermark_offsets(TopicPartition(topic, partition), timeout=limit)
        return bounds
    except KafkaException as error:
        raise ConfigurationError(
            f"{topic} cannot be read from {settings.broker} ({error.args[0].str()}); is LAM_BROKER right?"
        ) from error
