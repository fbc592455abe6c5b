"""Which memberships of the workers' group a worker holds, as the group itself tells."""

from __future__ import annotations

import re

from confluent_kafka import KafkaException

from topics.clients import SUBSCRIPTION_DIGITS, admin_client
from topics.errors import ConfigurationError
from topics.settings import Settings


def memberships(settings: Settings) -> list[str]:
    """The static members of the group that are this worker, by their instance ids.

    One for each set of topics that it reads or read, until its session times out or it leaves for good. Raises
    ConfigurationError where the group's coordinator does not tell.
    """
    group = settings.group_id
    ours = re.compile(rf"{re.escape(settings.identity)}-[0-9a-f]{{{SUBSCRIPTION_DIGITS}}}")
    admin = admin_client(settings)
    try:
        answer = admin.describe_consumer_groups([group], request_timeout=settings.request_timeout_s)[group].result()
    except KafkaException as error:
        raise ConfigurationError(
            f"the members of group {group} cannot be had from {settings.broker} ({error.args[0].str()}); is it "
            "reachable, and may this client describe the group?"
        ) from error
    members = [member.group_instance_id for member in answer.members]
    return sorted(member for member in members if member is not None and ours.fullmatch(member))
