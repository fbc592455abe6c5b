"""What the broker calls its topics: a topic that was deleted and made anew has its old name and another id."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaException, TopicCollection

from topics.clients import admin_client
from topics.settings import Settings


def topic_ids(settings: Settings, topics: Iterable[str]) -> dict[str, str]:
    """The id of each topic of the table, by its name there; none where the broker does not tell ids."""
    names = {settings.prefix + topic: topic for topic in topics}
    if not names or not settings.exactly_once:
        return {}
    asked = admin_client(settings).describe_topics(
        TopicCollection(list(names)), request_timeout=settings.request_timeout_s
    )
    found = {}
    for name, answer in asked.items():
        try:
            found[names[name]] = str(answer.result().topic_id)
        except KafkaException:
            continue
    return found
