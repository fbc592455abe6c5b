"""What tests do to topics and ask of groups on real Kafka, which takes notice a moment later."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.topics.engine import LIMIT_S
from topics.admin import apply
from topics.clients import admin_client
from topics.resetting import ResetRefused, refuse_members
from topics.settings import Settings


def until(condition: Callable[[], bool]) -> None:
    """Ask again until the broker has taken notice."""
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def has_members(settings: Settings) -> bool:
    """Whether the workers' group has any."""
    try:
        refuse_members(settings, admin_client(settings))
    except ResetRefused:
        return True
    return False


def make_anew(settings: Settings, topic: str) -> None:
    """Delete a topic (its full name), and make it again; Kafka deletes the group's offsets on it as well."""
    admin = admin_client(settings)
    for one in admin.delete_topics([topic], operation_timeout=LIMIT_S).values():
        one.result(LIMIT_S)
    until(lambda: topic not in admin.list_topics(timeout=LIMIT_S).topics)
    apply(settings)
    until(lambda: topic in admin.list_topics(timeout=LIMIT_S).topics)
