"""Reading a topic on and on, committed records only, from wherever one wants to the end there is, or for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, TopicPartition

from topics.clients import reader
from topics.consuming import Record, TopicNumber, everywhere, take
from topics.errors import ConfigurationError, TopicMismatch
from topics.settings import Settings

AT_ONCE = 1000
WAIT_S = 0.2

Start = Literal["beginning", "end"] | int
"""Where to begin; a number is so many offsets before each partition's stable end."""


def follow(settings: Settings, topic: str, start: Start, *, until_end: bool) -> Iterator[list[Record]]:
    """What a topic (its full name) holds and gets, as it comes; an empty list where nothing came for a moment.

    `until_end` ends at the stable end that each partition has now. Raises TopicMismatch where the topic does not exist,
    ConfigurationError where the broker does not answer, StreamStopped where the topic cannot be read.
    """
    client = reader(settings)
    try:
        bounds = _bounds(client, settings, topic)
        client.assign([TopicPartition(*where, _first(start, *bound)) for where, bound in bounds.items()])
        unread = {where: end for where, (first, end) in bounds.items() if _first(start, first, end) < end}
        while unread or not until_end:
            arrived = take(client, AT_ONCE, WAIT_S)
            yield [one for one in arrived.records if not until_end or one.offset() < bounds[_place(one)][1]]
            reached = {_place(one): one.offset() + 1 for one in arrived.records} | arrived.ends
            unread = {where: end for where, end in unread.items() if reached.get(where, 0) < end}
    finally:
        client.close()


def _bounds(client: Consumer, settings: Settings, topic: str) -> dict[TopicNumber, tuple[int, int]]:
    limit = settings.request_timeout_s
    try:
        partitions = everywhere(client, topic, OFFSET_INVALID, limit)
        bounds = {(tp.topic, tp.partition): client.get_watermark_offsets(tp, timeout=limit) for tp in partitions}
    except KafkaException as error:
        raise ConfigurationError(
            f"{topic} cannot be read from {settings.broker} ({error.args[0].str()}); is LAM_BROKER right?"
        ) from error
    if not bounds:
        raise TopicMismatch(f"topic {topic} does not exist; `lam topics apply` creates it")
    return bounds


def _first(start: Start, first: int, end: int) -> int:
    if start == "beginning":
        return first
    return end if start == "end" else max(first, end - start)


def _place(record: Record) -> TopicNumber:
    return record.topic(), record.partition()
