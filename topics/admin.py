"""Bringing the broker's topics into line with the table: create what is missing, report and refuse what differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from schemas.record_type import all_record_types
from topics.clients import Deliveries, admin_client, producer
from topics.errors import TopicMismatch
from topics.partition_counts import counts_on_broker
from topics.settings import Settings
from topics.table import SCHEMAS_TOPIC, TOPICS, TopicSpec

State = Literal["ok", "missing", "differs"]


class TopicReport(NamedTuple):
    """How one topic of the table stands on the broker; `differences` say what was found and what is expected."""

    name: str
    state: State
    partitions: int | None
    differences: tuple[str, ...]


def report(settings: Settings) -> list[TopicReport]:
    """Every topic of the table, compared with the broker.

    Raises ConfigurationError where the broker does not answer.
    """
    admin = admin_client(settings)
    known = counts_on_broker(admin, settings)
    names = [settings.prefix + name for name in TOPICS]
    configs = _configs(admin, [name for name in names if name in known], settings)
    return [_compare(spec, settings, known, configs) for spec in TOPICS.values()]


def apply(settings: Settings) -> list[TopicReport]:
    """Create missing topics and publish our schemas; returns the topics that were created.

    Raises TopicMismatch where a topic differs from the table: nothing is created then.
    """
    before = report(settings)
    refuse_differences(before)
    missing = [one.name for one in before if one.state == "missing"]
    if missing:
        new = [_new_topic(TOPICS[name.removeprefix(settings.prefix)], settings) for name in missing]
        admin = admin_client(settings)
        for name, made in admin.create_topics(new).items():
            try:
                made.result(settings.request_timeout_s)
            except KafkaException as error:
                raise TopicMismatch(f"topic {name} could not be created: {error.args[0].str()}") from error
    publish_schemas(settings)
    return [one for one in before if one.name in missing]


def refuse_differences(reports: Iterable[TopicReport]) -> None:
    """Raises TopicMismatch naming every topic that differs from the table."""
    lines = [f"{one.name}: {difference}" for one in reports for difference in one.differences]
    if lines:
        raise TopicMismatch(
            "topics differ from the table and are left as they are:\n  " + "\n  ".join(lines) + "\nalter them with "
            "Kafka's own tools, or set LAM_PARTITIONS, LAM_REPLICATION or LAM_PREFIX to what you meant"
        )


def refuse_missing_or_different(reports: Iterable[TopicReport]) -> None:
    """Raises TopicMismatch naming every topic that is missing or differs from the table."""
    reports = list(reports)
    missing = [one.name for one in reports if one.state == "missing"]
    if missing:
        raise TopicMismatch(f"topics are missing: {', '.join(missing)}; `lam topics apply` creates them")
    refuse_differences(reports)


def publish_schemas(settings: Settings) -> None:
    """Put every schema of ours on the topic of schemas, so that readers and other versions can look them up.

    Raises NotDelivered where the broker did not take them.
    """
    client, deliveries = producer(settings), Deliveries()
    for known in all_record_types():
        topic, value = settings.prefix + SCHEMAS_TOPIC, known.schema_json.encode()
        client.produce(topic, value, known.fingerprint.hex(), on_delivery=deliveries)
    deliveries.wait(client, settings.request_timeout_s)


def _compare(
    spec: TopicSpec, settings: Settings, known: dict[str, int], configs: dict[str, dict[str, str]]
) -> TopicReport:
    name = settings.prefix + spec.name
    if name not in known:
        return TopicReport(name, "missing", None, ())
    expected = {"partitions": str(spec.partitions or settings.partitions), **spec.config()}
    found = {"partitions": str(known[name]), **configs[name]}
    differences = tuple(
        f"{setting} is {found.get(setting)}, expected {value}"
        for setting, value in expected.items()
        if found.get(setting) != value
    )
    return TopicReport(name, "differs" if differences else "ok", known[name], differences)


def _new_topic(spec: TopicSpec, settings: Settings) -> NewTopic:
    return NewTopic(
        settings.prefix + spec.name,
        num_partitions=spec.partitions or settings.partitions,
        replication_factor=settings.replication,
        config=spec.config(),
    )


def _configs(admin: AdminClient, names: list[str], settings: Settings) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    answers = admin.describe_configs(resources, request_timeout=settings.request_timeout_s)
    return {
        resource.name: {setting: entry.value for setting, entry in answer.result().items()}
        for resource, answer in answers.items()
    }
