"""How many partitions topics have on the broker, and whether the topics of a group agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from topics.clients import admin_client
from topics.embedded import make_topics
from topics.errors import ConfigurationError, TopicMismatch
from topics.settings import Settings
from topics.table import Group


def counts_on_broker(admin: AdminClient, settings: Settings) -> dict[str, int]:
    """Partitions of every topic on the broker, by full name.

    Raises ConfigurationError where the broker does not answer.
    """
    try:
        topics = admin.list_topics(timeout=settings.request_timeout_s).topics
    except KafkaException as error:
        raise ConfigurationError(
            f"no broker answers at {settings.broker} ({error.args[0].str()}); "
            "is LAM_BROKER right? `make kafka` starts one"
        ) from error
    return {name: len(topic.partitions) for name, topic in topics.items()}


def partition_counts(settings: Settings, topics: Iterable[str]) -> dict[str, int]:
    """Partitions of topics of the table, by their names there; an embedded broker makes those it has not.

    Raises TopicMismatch where one is missing, ConfigurationError where the broker does not answer.
    """
    names = sorted(set(topics))
    admin = admin_client(settings)
    known = counts_on_broker(admin, settings)
    missing = [name for name in names if settings.prefix + name not in known]
    if missing and not settings.exactly_once:
        make_topics(settings, missing)
        known = counts_on_broker(admin, settings)
        missing = [name for name in missing if settings.prefix + name not in known]
    if missing:
        raise TopicMismatch(f"topics are missing: {', '.join(missing)}; `lam topics apply` creates them")
    return {name: known[settings.prefix + name] for name in names}


def refuse_unequal(groups: Iterable[Group], counts: Mapping[str, int]) -> None:
    """Raises ConfigurationError where the topics of one group differ: a key would have two partition numbers."""
    unequal = [group for group in groups if len({counts[topic] for topic in group.topics}) > 1]
    if unequal:
        found = "; ".join(
            f"group {group.name}: " + ", ".join(f"{topic} has {counts[topic]}" for topic in group.topics)
            for group in unequal
        )
        raise ConfigurationError(
            f"topics that one agent reads differ in their number of partitions ({found}); a key's records must share a "
            "partition number: give them one number with Kafka's own tools, or make them anew with `lam topics apply`"
        )
