"""The table of topics on a real broker."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.kafka import unique
from topics.admin import apply, refuse_missing_or_different, report
from topics.errors import ConfigurationError, TopicMismatch
from topics.settings import Settings, load_settings
from topics.table import TOPICS


@pytest.fixture
def settings(kafka: str) -> Settings:
    return load_settings(broker=kafka, prefix=unique("a") + "-", partitions=3)


def test_apply_creates_what_is_missing_and_then_nothing(settings: Settings) -> None:
    """After one apply every topic is as the table says, and a second creates none."""
    assert {one.state for one in report(settings)} == {"missing"}
    assert len(apply(settings)) == len(TOPICS)
    assert {one.state for one in report(settings)} == {"ok"}
    assert apply(settings) == []


def test_a_topic_that_differs_is_refused_and_nothing_is_created(settings: Settings) -> None:
    """The error names the topic, what was found and what is expected."""
    admin = AdminClient({"bootstrap.servers": settings.broker})
    name = settings.prefix + "session-event"
    admin.create_topics([NewTopic(name, 5, 1)])[name].result(30)
    with pytest.raises(TopicMismatch, match=rf"{name}: partitions is 5, expected 3"):
        apply(settings)
    assert [one.state for one in report(settings)].count("missing") == len(TOPICS) - 1


def test_a_worker_is_refused_where_topics_are_missing(settings: Settings) -> None:
    """The error names them and the command that creates them."""
    with pytest.raises(TopicMismatch, match=r"session-event.*`lam topics apply` creates them"):
        refuse_missing_or_different(report(settings))


def test_a_broker_that_does_not_answer_is_named() -> None:
    """The error says where it was sought."""
    with pytest.raises(ConfigurationError, match=r"no broker answers at 127\.0\.0\.1:1 "):
        report(load_settings(broker="127.0.0.1:1", request_timeout_s=1))
