"""The state machine of one container (`docs/assembly.md`): records come, the watermark passes, tuples leave.

`on_mutation`, `on_tombstone` and `on_activity` take what came, in whatever order, and emit nothing; `on_time` lets the
watermark pass and says what must leave. No clock: event times and the watermark W are arguments, ms since the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from models.assembly.config import EARLIEST_MS, HOUR_MS, LATEST_MS, AssemblyConfig
from models.assembly.parents import ContainerStats
from models.assembly.records import container_stats, training_tuple
from models.assembly.state import HOURS_KEPT, Container, Mutation, Tombstone
from models.assembly.sums import NONE, Sums
from models.assembly.versions import Behaviour, Embedding, merged


class Effects(NamedTuple):
    """What leaves: a record of training-tuple.avsc, one of container-stats.avsc, or neither."""

    tuple_revision: dict[str, Any] | None = None
    stats: dict[str, Any] | None = None


NOTHING = Effects()


def on_mutation(container: Container | None, record: Mapping[str, Any], event_time: int) -> Container:
    """Take a record of mutation.avsc: the highest version counts, of equal ones the earliest, whichever came first."""
    known = _claimed(container, record)
    if known.closed:
        return replace(known, mutations=known.mutations + 1, late_mutations=known.late_mutations + 1)
    named = {name: record[name] for name in Mutation._fields if name != "mutated_at"}
    mutation = Mutation(**named, mutated_at=_admissible(event_time))
    counted = replace(known, mutations=known.mutations + 1)
    if known.mutation is not None and _rank(known.mutation) <= _rank(mutation):
        return counted
    return replace(counted, mutation=mutation, changed=True)


def on_tombstone(container: Container | None, record: Mapping[str, Any], event_time: int) -> Container:
    """Take a record of tombstone.avsc: the earliest counts until revision 1 names it; others are only counted."""
    known = _claimed(container, record)
    tombstone = Tombstone(record["event_id"], record["site_id"], _admissible(event_time), record["reason"])
    counted = replace(known, tombstones=known.tombstones + 1)
    first = known.tombstone
    if first is not None and (known.revision or _order(first) <= _order(tombstone)):
        return counted
    return replace(counted, tombstone=tombstone, changed=True)


def on_activity(container: Container | None, record: Mapping[str, Any], watermark: int) -> Container | None:
    """Merge a record of container-activity.avsc. One without visits says nothing."""
    n = record["n"]
    if not n:
        return container
    known = container or Container(record["container_id"], record["site_id"])
    if known.closed:
        return replace(known, late_visits=known.late_visits + n)
    if record["site_id"] != known.site_id:
        # A page of another site named this container: its visits are none of it.
        return replace(known, foreign=known.foreign + n)
    hours, beyond = _with_hour(known, record["hour"], Sums(n, record["reward_sum"], record["reward_sum_sq"]))
    held = Sums(record["holdout_n"], record["holdout_reward_sum"], record["holdout_reward_sum_sq"])
    behaviours, foreign = _with_behaviour(known, record)
    return replace(
        known,
        hours=hours,
        beyond=beyond,
        holdout=known.holdout.plus(held),
        converted=known.converted + record["converted"],
        several=known.several + record["several"],
        behaviours=behaviours,
        foreign=known.foreign + foreign,
        embeddings=_with_embedding(known, record),
        stats_due_at=_next_hour(watermark) if known.stats_due_at is None else known.stats_due_at,
        changed=True,
    )


def on_time(
    container: Container, watermark: int, parent: ContainerStats | None, config: AssemblyConfig
) -> tuple[Container | None, Effects]:
    """Let the watermark pass: the container, None once it is forgotten, and at most one tuple and one container-stats.

    `parent` is what is known of `container.parent_id`.
    """
    if watermark < EARLIEST_MS:
        return container, NOTHING
    if _reached(_final_at(container, config), watermark):
        return _finished(container, watermark, parent)
    if _reached(_revise_at(container, config), watermark):
        return _revised(container, watermark, parent)
    if _reached(container.stats_due_at, watermark):
        return replace(container, stats_due_at=None), Effects(stats=container_stats(container, watermark))
    return None if _reached(_forget_at(container, config), watermark) else container, NOTHING


def due_at(container: Container, config: AssemblyConfig) -> int | None:
    """The watermark at which `on_time` will have something to do; None: not before something comes."""
    times = (
        _forget_at(container, config),
        _final_at(container, config),
        _revise_at(container, config),
        container.stats_due_at,
    )
    return min((time for time in times if time is not None), default=None)


def _forget_at(container: Container, config: AssemblyConfig) -> int | None:
    if container.closed and container.tombstone is not None:
        return container.tombstone.retired_at + config.marker_ms
    if container.tombstone is None and container.mutation is None and container.hours:
        return max(container.hours) + HOUR_MS + config.unclaimed_ms
    return None


def _final_at(container: Container, config: AssemblyConfig) -> int | None:
    if container.tombstone is None or container.closed:
        return None
    return container.tombstone.retired_at + config.final_revision_ms


def _revise_at(container: Container, config: AssemblyConfig) -> int | None:
    if container.tombstone is None or container.closed:
        return None
    if container.revised_at is None:
        return container.tombstone.retired_at + config.first_revision_ms
    return _next_hour(container.revised_at) if container.changed else None


def _revised(container: Container, watermark: int, parent: ContainerStats | None) -> tuple[Container, Effects]:
    """The next revision; container-stats with the first, and where they are due."""
    revised = replace(container, revision=container.revision + 1, revised_at=watermark, changed=False)
    made = training_tuple(revised, parent, watermark, final=False)
    if container.revision and not _reached(container.stats_due_at, watermark):
        return revised, Effects(made)
    return replace(revised, stats_due_at=None), Effects(made, container_stats(revised, watermark))


def _finished(container: Container, watermark: int, parent: ContainerStats | None) -> tuple[Container, Effects]:
    """The final revision, and the marker that stays."""
    final = replace(container, revision=container.revision + 1)
    effects = Effects(training_tuple(final, parent, watermark, final=True), container_stats(final, watermark))
    marker = Container(
        container.container_id,
        container.site_id,
        mutations=container.mutations,
        tombstone=container.tombstone,
        tombstones=container.tombstones,
        revision=final.revision,
        revised_at=watermark,
        closed=True,
    )
    return marker, effects


def _claimed(container: Container | None, record: Mapping[str, Any]) -> Container:
    """The container with the site that the first mutation or tombstone names: what visits of another site brought
    before is none of it, and neither may it keep out what its own bring."""
    known = container or Container(record["container_id"], record["site_id"])
    if known.mutation is not None or known.tombstone is not None or known.site_id == record["site_id"]:
        return known
    foreign = known.foreign + known.rewards.n
    # Hours that were told already are told again, without those visits, as soon as there is a time.
    return Container(known.container_id, record["site_id"], foreign=foreign, stats_due_at=EARLIEST_MS)


def _with_hour(container: Container, hour: int, rewards: Sums) -> tuple[dict[int, Sums], Sums]:
    """The hours with rewards added to one, and what lies beyond; the oldest leave where there are too many."""
    hours = {**container.hours, hour: container.hours.get(hour, NONE).plus(rewards)}
    beyond = container.beyond
    if len(hours) > HOURS_KEPT:
        beyond = beyond.plus(hours.pop(min(hours)))
    return hours, beyond


def _with_behaviour(container: Container, record: Mapping[str, Any]) -> tuple[tuple[Behaviour, ...], int]:
    """The behaviours with the record's, and how many visits are foreign now: without features, or given way."""
    mean, m2 = np.array(record["mean"], np.float64), np.array(record["m2"], np.float64)
    if not len(mean) or len(mean) != len(m2):
        return container.behaviours, record["n"]
    new = Behaviour(record["feature_set"], record["hour"], record["n"], mean, m2)
    return merged(container.behaviours, new)


def _with_embedding(container: Container, record: Mapping[str, Any]) -> tuple[Embedding, ...]:
    total, n = np.array(record["embedding_sum"], np.float64), record["embedding_n"]
    if record["scorer"] is None or not len(total) or not n:
        return container.embeddings
    return merged(container.embeddings, Embedding(record["scorer"], record["hour"], n, total))[0]


def _rank(mutation: Mutation) -> tuple[int, int, str]:
    return -mutation.version, mutation.mutated_at, mutation.event_id


def _order(tombstone: Tombstone) -> tuple[int, str]:
    return tombstone.retired_at, tombstone.event_id


def _reached(time: int | None, watermark: int) -> bool:
    return time is not None and watermark >= time


def _next_hour(time: int) -> int:
    return (time // HOUR_MS + 1) * HOUR_MS


def _admissible(event_time: int) -> int:
    # Correcting a broken clock may lead out of what the schemas admit.
    return min(max(event_time, EARLIEST_MS), LATEST_MS)
