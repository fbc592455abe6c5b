"""Which Kafka the tests get: the one given, one from jars, one in a container, or none with the reasons."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from deploy.kafka.container import container_kafka
from deploy.kafka.errors import KafkaUnavailable
from deploy.kafka.server import KafkaServer


@contextmanager
def broker_for_tests() -> Iterator[str]:
    """The bootstrap address of a real Kafka.

    LAM_KAFKA where it is set; else a server of our own from jars; else one in a container. Raises KafkaUnavailable
    where none of them can be had.
    """
    if given := os.environ.get("LAM_KAFKA"):
        yield given
        return
    with ExitStack() as stack:
        try:
            bootstrap = stack.enter_context(KafkaServer()).bootstrap
        except KafkaUnavailable as no_jars:
            try:
                bootstrap = stack.enter_context(container_kafka())
            except KafkaUnavailable as no_container:
                raise KafkaUnavailable(f"{no_jars}; {no_container}") from None
        yield bootstrap
