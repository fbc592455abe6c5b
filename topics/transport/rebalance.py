"""What a group decided of this worker's partitions."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from confluent_kafka import TopicPartition


class Assigned(NamedTuple):
    """The group gave us these partitions, and no others."""

    partitions: list[TopicPartition]


class Revoked(NamedTuple):
    """The group took all partitions for now."""

    partitions: list[TopicPartition]


Rebalance: TypeAlias = "Assigned | Revoked"
