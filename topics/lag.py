"""How far a group is behind: the stable end of what it reads, less what it committed."""

from __future__ import annotations

from confluent_kafka import OFFSET_INVALID, Consumer

from topics.consuming import committed_offsets, everywhere
from topics.settings import Settings


def group_lag(client: Consumer, settings: Settings, topics: list[str]) -> dict[tuple[str, int], int]:
    """Records between the group's committed offset and the stable end, by full topic name and partition.

    `client` is a `group_observer` of the group. An upper bound where markers or compaction leave holes; a partition
    without a committed offset counts from its beginning.
    """
    lag = {}
    for topic in topics:
        name = settings.prefix + topic
        partitions = everywhere(client, name, OFFSET_INVALID, settings.request_timeout_s)
        for tp in committed_offsets(client, partitions, settings.request_timeout_s):
            first, end = client.get_watermark_offsets(tp, timeout=settings.request_timeout_s)
            lag[(name, tp.partition)] = max(0, end - max(tp.offset, first))
    return lag
