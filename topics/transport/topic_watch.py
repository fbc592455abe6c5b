"""Topics that are deleted and made anew, or get partitions, beneath a worker that reads them.

A consumer does not always notice: where the new log is longer than what was read of the old one, it goes on at an
offset that means another record.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from functools import partial

from confluent_kafka import KafkaException

from topics.daemon_thread import on_daemon_thread
from topics.note import Note
from topics.offset_checks import TopicNow, refuse, strange_topic

EVERY_S = 10.0

Ask = Callable[[Collection[str]], Mapping[str, TopicNow]]
"""What topics are now, by full name; raises KafkaException where it is not told."""

log = logging.getLogger(__name__)


class TopicWatch:
    """Asks every so many seconds, beside the stream."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` tells seconds."""
        self._ask = ask
        self._clock = clock
        self._due = clock() + EVERY_S
        self._answer: Future[Mapping[str, TopicNow]] | None = None

    def look(self, known: Mapping[str, TopicNow]) -> None:
        """Hold what was told against what was `known` when the partitions came; ask again where it is time.

        Raises TopicChanged.
        """
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            self._compare(answer, known)
        if self._answer is None and known and self._clock() >= self._due:
            self._due = self._clock() + EVERY_S
            self._answer = on_daemon_thread("lamstream-topics", partial(self._ask, list(known)))

    def _compare(self, answer: Future[Mapping[str, TopicNow]], known: Mapping[str, TopicNow]) -> None:
        try:
            now = answer.result()
        except KafkaException as error:
            log.debug("what topics are now is not told: %s", error)
            return
        for topic in known.keys() & now.keys():
            before = known[topic]
            refuse(strange_topic(topic, Note(partitions=before.partitions, topic_id=before.topic_id), now[topic]))
