"""What assembly concluded, as the records that leave on topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from models.assembly.parents import ContainerStats
from models.assembly.reward import reward
from models.assembly.state import Container, hour_records
from models.assembly.user import user

ACTIVITY_TOPIC = "container-activity"
BEFORE_THE_EPOCH = -1
"""Watermark of a site-delta that was sent before the first event."""
NO_VISITS = dict.fromkeys(
    (
        *("visits", "converted_visits", "orders", "order_lines"),
        *("folded", "late", "duplicate", "undecided", "capped", "unconsented"),
    ),
    0,
)


def training_tuple(
    container: Container, parent: ContainerStats | None, watermark: int, *, final: bool
) -> dict[str, Any]:
    """A record of training-tuple.avsc: the container's revision as it stands. It must have a tombstone."""
    tombstone, mutation = container.tombstone, container.mutation
    if tombstone is None:
        raise ValueError(f"container {container.container_id} has no tombstone, so there is no tuple of it yet")
    return {
        "tuple_id": f"{container.container_id}:{tombstone.retired_at}",
        "container_id": container.container_id,
        "site_id": container.site,
        "parent_id": container.parent_id,
        "revision": container.revision,
        "final": final,
        "missing": missing(container, parent),
        "made_at": watermark,
        "mutated_at": None if mutation is None else mutation.mutated_at,
        "retired_at": tombstone.retired_at,
        "reason": tombstone.reason,
        "before": None if mutation is None else mutation.before,
        "after": None if mutation is None else mutation.after,
        "claimed": None if mutation is None else mutation.claimed,
        "observed": None,
        "hypothesis": None if mutation is None else mutation.hypothesis,
        "user": user(container),
        "reward": reward(container, parent),
    }


def missing(container: Container, parent: ContainerStats | None) -> list[str]:
    """What is not there: the mutation, any activity, or the hours of a parent that the mutation names."""
    mutation = container.mutation
    absent = {
        "mutation": mutation is None,
        "activity": not container.rewards.n,
        "parent": mutation is not None and mutation.parent_id is not None and parent is None,
    }
    return [name for name, is_absent in absent.items() if is_absent]


def container_stats(container: Container, watermark: int) -> dict[str, Any]:
    """A record of container-stats.avsc."""
    return {
        "container_id": container.container_id,
        "site_id": container.site,
        "watermark": watermark,
        "hours": hour_records(container.hours),
    }


def site_deltas(tuples: Iterable[Mapping[str, Any]], partition: int, watermark: int) -> Iterator[dict[str, Any]]:
    """A record of site-delta.avsc for each site that has tuples: how many first revisions and how many final ones."""
    made: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in tuples:
        counts = made[one["site_id"]]
        counts[0] += one["revision"] == 1
        counts[1] += one["final"]
    for site, (first, final) in sorted(made.items()):
        if first or final:
            yield {
                "site_id": site,
                "source_topic": ACTIVITY_TOPIC,
                "source_partition": partition,
                "watermark": max(watermark, BEFORE_THE_EPOCH),
                **NO_VISITS,
                "tuples": first,
                "tuples_final": final,
            }
