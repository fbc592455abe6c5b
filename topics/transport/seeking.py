"""Seeking, which a consumer may refuse for a moment."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from topics.errors import MembershipLost

SEEK_S = 10.0
SEEK_PAUSE_S = 0.01
"""How long, and how often, a partition is sought that is not fetched yet, as one that was assigned just now."""

NOT_YET = frozenset({KafkaError._STATE, KafkaError._PREV_IN_PROGRESS})


def seek(consumer: Consumer, place: TopicPartition) -> None:
    """Have a partition's records from that offset on come next.

    Raises MembershipLost where that cannot be had: such a consumer has ended, and has not told yet.
    """
    deadline = time.monotonic() + SEEK_S
    while True:
        try:
            consumer.seek(place)
            return
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET:
                raise
            if time.monotonic() >= deadline:
                problem = f"{place.topic}[{place.partition}] cannot be sought: {error.args[0].str()}"
                raise MembershipLost(problem, fenced=False) from error
            time.sleep(SEEK_PAUSE_S)
