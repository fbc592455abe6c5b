"""Calls of clients that do not keep to their limits."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from topics import clients
from topics.clients import Abandoned, send_offsets

SHORT_S = 0.01


class Scripted:
    """A producer that takes offsets as it is told to."""

    def __init__(self, take: Any) -> None:
        self._take = take
        self.given: list[tuple[Any, ...]] = []

    def send_offsets_to_transaction(self, *given: Any) -> None:
        self.given.append(given)
        self._take()


def scripted(take: Any) -> tuple[Scripted, Producer]:
    made = Scripted(take)
    return made, cast(Producer, made)


def refuse() -> None:
    raise KafkaException(KafkaError(KafkaError.FENCED_INSTANCE_ID))


def test_offsets_are_sent_with_metadata_and_limit() -> None:
    seen, client = scripted(lambda: None)
    send_offsets(client, [], "metadata", SHORT_S)
    assert seen.given == [([], "metadata", SHORT_S)]


def test_what_is_refused_is_raised() -> None:
    """As the client raised it."""
    _, client = scripted(refuse)
    with pytest.raises(KafkaException) as refused:
        send_offsets(client, [], None, SHORT_S)
    assert refused.value.args[0].code() == KafkaError.FENCED_INSTANCE_ID


def test_a_call_that_does_not_come_back_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for it goes on, and knows that its client must not be closed."""
    monkeypatch.setattr(clients, "GRACE_S", SHORT_S)
    for_ever = threading.Event()
    _, client = scripted(for_ever.wait)
    with pytest.raises(Abandoned) as left:
        send_offsets(client, [], None, SHORT_S)
    assert left.value.args[0].code() == KafkaError._TIMED_OUT
    for_ever.set()
