"""What can be wrong with the Kafka used by tests."""

from __future__ import annotations


class KafkaUnavailable(RuntimeError):
    """No Kafka can be had here. The message says what was tried and how to get one."""


class KafkaFailed(RuntimeError):
    """Kafka is here and did not start or stay up. The message ends with the tail of its log."""
