"""Every topic in one table: key, kind of record, how long it is kept, and which topics one agent reads together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from topics.errors import ConfigurationError

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CHANGELOG_DELETES_KEPT_MS = DAY_MS
"""How long at least a changelog keeps the record that deletes a key: Kafka's default; snapshots rely on it."""
FOREVER = -1
"""Retention without an end."""
DEAD_LETTER_SUFFIX = ".dlq"
SCHEMAS_TOPIC = "lamstream-schemas"
RETRIED_TOPIC = "lamstream-dlq-retried"
MAX_RECORD_BYTES = 1_048_576
MAX_DEAD_LETTER_BYTES = 2 * MAX_RECORD_BYTES
"""A dead letter is a record and what is wrong with it."""


@dataclass(frozen=True)
class CloudEvents:
    """Which fields of a record tell its CloudEvents headers (Kafka binding, version 1.0)."""

    type: str
    id_field: str
    time_field: str
    source_field: str


@dataclass(frozen=True)
class TopicSpec:
    """One topic.

    `record` names the Avro record type of the values, `key` the field that is the record key, None where keys and
    values are our own bytes. `retention_ms` None with `compact` keeps the newest record of each key. `small_segments`
    has it compacted within minutes: it changes often, and is read whole at a start.
    """

    name: str
    doc: str
    record: str | None = None
    key: str | None = None
    compact: bool = False
    retention_ms: int | None = None
    input: bool = False
    partitions: int | None = None
    max_bytes: int = MAX_RECORD_BYTES
    urgent: bool = False
    cloud_events: CloudEvents | None = None
    small_segments: bool = False

    @property
    def dead_letters(self) -> str:
        """Name of the topic that takes what could not be read from this one."""
        return self.name + DEAD_LETTER_SUFFIX

    @property
    def kept(self) -> str:
        """How long its records are kept, in words."""
        if self.compact:
            return "newest of each key"
        return "for good" if self.retention_ms == FOREVER else f"{(self.retention_ms or 0) // DAY_MS} d"

    def config(self) -> dict[str, str]:
        """The topic's configuration on the broker."""
        config = {
            "cleanup.policy": "compact" if self.compact else "delete",
            "compression.type": "zstd",
            "max.message.bytes": str(self.max_bytes),
        }
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.input:
            config["message.timestamp.type"] = "LogAppendTime"
        if self.small_segments:
            config |= {
                "segment.bytes": str(64 * 1_048_576),
                "segment.ms": str(10 * 60_000),
                "min.cleanable.dirty.ratio": "0.1",
                "max.compaction.lag.ms": str(HOUR_MS),
                "delete.retention.ms": str(CHANGELOG_DELETES_KEPT_MS),
            }
        return config


@dataclass(frozen=True)
class Group:
    """The topics that one agent reads: they share a key, and so their partitions.

    `states` are those of the agent; the changelog of the first also keeps the partition's watermark. A group without
    state has no need of either. `sources` are the topics whose partitions' watermarks make this group's time; without
    them its own records do, where they say when they happened. `heartbeats` names the one of its topics, written by us
    alone, that carries the sources' watermarks.
    """

    name: str
    topics: tuple[str, ...]
    states: tuple[str, ...]
    sources: tuple[str, ...] = ()
    heartbeats: str = ""


def changelog_name(state: str) -> str:
    """The topic that keeps a state's rows."""
    return f"lamstream-{state}-changelog"


_WRITTEN = (
    TopicSpec(
        "session-event",
        "What visitors do, as producers publish it.",
        record="session-event",
        key="session_id",
        retention_ms=7 * DAY_MS,
        input=True,
    ),
    TopicSpec(
        "mutation",
        "Containers made, as page generators publish it.",
        record="mutation",
        key="container_id",
        compact=True,
        input=True,
    ),
    TopicSpec(
        "tombstone",
        "Containers retired, as page routers publish it.",
        record="tombstone",
        key="container_id",
        retention_ms=30 * DAY_MS,
        input=True,
    ),
    TopicSpec(
        "intervention",
        "What we ask a page to do for one live session.",
        record="intervention",
        key="session_id",
        retention_ms=7 * DAY_MS,
        urgent=True,
        cloud_events=CloudEvents("lamstream.intervention.v1", "intervention_id", "decided_at", "site_id"),
    ),
    TopicSpec(
        "decision",
        "Every decision, and a sample of other evaluations, with all that is needed to decide again.",
        record="decision",
        key="session_id",
        retention_ms=7 * DAY_MS,
        cloud_events=CloudEvents("lamstream.decision.v1", "decision_id", "decided_at", "site_id"),
    ),
    TopicSpec(
        "reward-update",
        "The reward of one decision, or of one visit on a container.",
        record="reward-update",
        key="session_id",
        retention_ms=30 * DAY_MS,
        cloud_events=CloudEvents("lamstream.reward.v1", "reward_id", "to", "site_id"),
    ),
    TopicSpec(
        "reward-delta",
        "What rewards add to an arm.",
        record="reward-delta",
        key="arm_id",
        retention_ms=7 * DAY_MS,
    ),
    TopicSpec(
        "arm-posterior",
        "What is known of each arm.",
        record="arm-posterior",
        key="arm_id",
        compact=True,
        small_segments=True,
    ),
    TopicSpec(
        "container-activity",
        "What the visits of a partition add to a container.",
        record="container-activity",
        key="container_id",
        retention_ms=7 * DAY_MS,
    ),
    TopicSpec(
        "container-stats",
        "Rewards of each container by event-hour.",
        record="container-stats",
        key="container_id",
        compact=True,
        small_segments=True,
    ),
    TopicSpec(
        "training-tuple",
        "Retired containers joined with what was made, who saw it and what came of it.",
        record="training-tuple",
        key="container_id",
        retention_ms=FOREVER,
        cloud_events=CloudEvents("lamstream.training-tuple.v1", "tuple_id", "made_at", "site_id"),
    ),
    TopicSpec(
        "site-config",
        "What operators say of their sites.",
        record="site-config",
        key="site_id",
        compact=True,
    ),
    TopicSpec(
        "site-stage",
        "How far each site has come.",
        record="site-stage",
        key="site_id",
        compact=True,
        small_segments=True,
    ),
    TopicSpec(
        "site-delta",
        "What a partition of a worker adds to the sums of a site.",
        record="site-delta",
        key="site_id",
        retention_ms=7 * DAY_MS,
    ),
    TopicSpec(SCHEMAS_TOPIC, "Writers' schemas by fingerprint.", compact=True, partitions=1),
    TopicSpec(RETRIED_TOPIC, "Dead letters that `lam dlq retry` sent back, by id.", compact=True, partitions=1),
)

GROUPS = MappingProxyType(
    {
        group.name: group
        for group in (
            Group("live", ("session-event",), ("session",)),
            Group("posteriors", ("reward-delta",), ("posterior",)),
            Group("sites", ("site-delta",), ("site",)),
            Group(
                "assembly",
                ("mutation", "tombstone", "container-activity"),
                ("container",),
                sources=("session-event",),
                heartbeats="container-activity",
            ),
        )
    }
)


def _refuse_unfit_carrier(group: Group, specs: Mapping[str, TopicSpec]) -> None:
    carrier = specs.get(group.heartbeats)
    if carrier is None or carrier.name not in group.topics or carrier.input or carrier.compact:
        raise ConfigurationError(
            f"group {group.name} has sources, and {group.heartbeats!r} to carry their heartbeats; expected one of its "
            "topics that producers do not write and that is not compacted: name it in topics/table.py"
        )


def _derived(written: Collection[TopicSpec], groups: Collection[Group]) -> Iterable[TopicSpec]:
    read = {topic for group in groups for topic in group.topics}
    for spec in written:
        yield spec
        if spec.input or spec.name in read:
            yield TopicSpec(
                spec.dead_letters,
                f"What could not be read from {spec.name}.",
                key=spec.key,
                retention_ms=30 * DAY_MS,
                max_bytes=MAX_DEAD_LETTER_BYTES,
            )
    for group in groups:
        if group.sources:
            _refuse_unfit_carrier(group, {spec.name: spec for spec in written})
        for state in group.states:
            yield TopicSpec(changelog_name(state), f"Rows of the state {state}.", compact=True, small_segments=True)


TOPICS = MappingProxyType({spec.name: spec for spec in _derived(_WRITTEN, GROUPS.values())})
