"""Every metric of the engine, declared with its meaning, and the meter that the engine reports to.

Base units; counters end in `_total`; labels are bounded: never a session, a visitor or a text of a producer's.
Gauges are worked out when they are asked for, in `topics.transport.standing`.
"""

from __future__ import annotations

import time
from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily

from topics.settings import Settings
from topics.table import changelog_name

if TYPE_CHECKING:
    from topics.transport.assignment import Partition
    from topics.transport.intake import Slice
    from topics.transport.outbox import Outgoing

Stage = Literal["poll", "decode", "deliver", "changelog", "produce", "offsets", "wait", "snapshot", "restore"]
SnapshotResult = Literal["written", "failed", "read", "discarded"]
Rebalance = Literal["assigned", "revoked", "lost"]

STAGES: Mapping[Stage, str] = {
    "poll": "waiting for records and taking them",
    "decode": "framing, decoding, validating, and waiting for a schema",
    "deliver": "a batch with its agent",
    "changelog": "changed rows to changelog records",
    "produce": "handing outputs and changelogs to the producer",
    "offsets": "sending offsets",
    "wait": "waiting for the broker to commit",
    "snapshot": "copying a partition's state for its snapshot",
    "restore": "reading snapshots and changelogs, on a thread beside the others",
}


@dataclass(frozen=True)
class Declared:
    """One metric: its name as it is scraped, its meaning, its labels, and the upper bounds of a histogram's buckets."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    def counter(self, registry: CollectorRegistry) -> Counter:
        """A counter in a registry."""
        return Counter(self.name, self.help, self.labels, registry=registry)

    def histogram(self, registry: CollectorRegistry) -> Histogram:
        """A histogram in a registry."""
        return Histogram(self.name, self.help, self.labels, buckets=self.buckets, registry=registry)

    def gauge(self, samples: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
        """A gauge with a value for each tuple of label values."""
        family = GaugeMetricFamily(self.name, self.help, labels=self.labels)
        for labels, value in samples:
            family.add_metric(labels, value)
        return family


SECONDS_OF_COMMITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
SECONDS_OF_RESTORES = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0)
RECORDS_OF_BATCHES = (1.0, 10.0, 100.0, 300.0, 1_000.0, 3_000.0, 10_000.0)

CONSUMED = Declared("lamstream_consumed_records_total", "counter", "Records taken from Kafka.", ("topic", "partition"))
DECODED = Declared(
    "lamstream_decoded_records_total",
    "counter",
    "Records decoded, valid, and handed to an agent.",
    ("topic", "partition"),
)
DEAD_LETTERS = Declared(
    "lamstream_dead_letters_total",
    "counter",
    "Records diverted to the dead letters of their topic.",
    ("topic", "stage", "reason"),
)
BATCH_RECORDS = Declared(
    "lamstream_batch_records", "histogram", "Records of a batch, empty ones left out.", ("topic",), RECORDS_OF_BATCHES
)
WORKER_SECONDS = Declared(
    "lamstream_worker_seconds_total",
    "counter",
    "Where the worker's time goes: " + "; ".join(f"{name}: {meaning}" for name, meaning in STAGES.items()) + ".",
    ("stage",),
)
COMMIT_SECONDS = Declared(
    "lamstream_commit_seconds",
    "histogram",
    "Duration of a commit, from changelog records to the broker's answer.",
    (),
    SECONDS_OF_COMMITS,
)
SPAN_AGE = Declared(
    "lamstream_open_span_age_seconds", "gauge", "Age of what waits for the next commit; 0 where nothing does."
)
OUTPUT_RECORDS = Declared(
    "lamstream_output_records_total", "counter", "Records produced to topics that are no changelogs.", ("topic",)
)
CHANGELOG_RECORDS = Declared(
    "lamstream_changelog_records_total", "counter", "Records produced to changelogs.", ("state",)
)
CHANGELOG_BYTES = Declared(
    "lamstream_changelog_bytes_total", "counter", "Bytes of their values, before compression.", ("state",)
)
WATERMARK = Declared(
    "lamstream_watermark_seconds", "gauge", "Watermark of a partition: seconds since the epoch.", ("group", "partition")
)
WATERMARK_SKEW = Declared(
    "lamstream_watermark_skew_seconds",
    "gauge",
    "The most advanced watermark of a group's partitions less the least.",
    ("group",),
)
EVENT_TIME_LAG = Declared(
    "lamstream_event_time_lag_seconds",
    "gauge",
    "The machine's clock less the watermark; without meaning in replays.",
    ("group", "partition"),
)
LAG_RECORDS = Declared(
    "lamstream_lag_records",
    "gauge",
    "End of the partition, as the last fetch told it, less what took effect; none before the first fetch. "
    "An upper bound where markers or compaction leave holes.",
    ("topic", "partition"),
)
PARTITIONS = Declared(
    "lamstream_partitions",
    "gauge",
    "Partitions of this worker by status: restoring, ready, suspended.",
    ("group", "status"),
)
STATE_ROWS = Declared("lamstream_state_rows", "gauge", "Keys of a state, over this worker's partitions.", ("state",))
STATE_BYTES = Declared("lamstream_state_memory_bytes", "gauge", "Memory of a state, estimated.", ("state",))
REBALANCES = Declared(
    "lamstream_rebalances_total", "counter", "What the group told this worker: assigned, revoked or lost.", ("event",)
)
RESETS = Declared(
    "lamstream_resets_total",
    "counter",
    "Spans that were taken back, or found committed, by what failed: agent, decode or commit.",
    ("cause",),
)
RESTORED_RECORDS = Declared("lamstream_restored_records_total", "counter", "Changelog records read by restores.")
RESTORE_SECONDS = Declared(
    "lamstream_restore_seconds", "histogram", "Duration of the restore of one partition.", (), SECONDS_OF_RESTORES
)
RESTORE_LEFT = Declared(
    "lamstream_restore_left_records",
    "gauge",
    "Changelog records that a partition's restore has still to read, an upper bound; none once it is whole.",
    ("group", "partition"),
)
SNAPSHOTS = Declared(
    "lamstream_snapshots_total",
    "counter",
    "Snapshots of a partition's state: written, failed (the disk refused), read, or discarded (not whole, or not of "
    "the log that is there).",
    ("result",),
)
SNAPSHOT_BYTES = Declared("lamstream_snapshot_bytes_total", "counter", "Bytes of the snapshots written.")
STOPS = Declared(
    "lamstream_stops_total",
    "counter",
    "Streams that stopped themselves, by error: BreakerOpen, NotCompleted, CommitFailed and the like.",
    ("error",),
)
WORKER_INFO = Declared(
    "lamstream_worker_info", "gauge", "1, with who this worker is.", ("id", "version", "guarantee", "clock")
)

ENGINE_METRICS: tuple[Declared, ...] = (
    CONSUMED,
    DECODED,
    DEAD_LETTERS,
    BATCH_RECORDS,
    WORKER_SECONDS,
    COMMIT_SECONDS,
    SPAN_AGE,
    OUTPUT_RECORDS,
    CHANGELOG_RECORDS,
    CHANGELOG_BYTES,
    WATERMARK,
    WATERMARK_SKEW,
    EVENT_TIME_LAG,
    LAG_RECORDS,
    PARTITIONS,
    STATE_ROWS,
    STATE_BYTES,
    REBALANCES,
    RESETS,
    RESTORED_RECORDS,
    RESTORE_SECONDS,
    RESTORE_LEFT,
    SNAPSHOTS,
    SNAPSHOT_BYTES,
    STOPS,
    WORKER_INFO,
)


class Meter:
    """What one worker counts, in a registry of its own. Reports come per batch, commit and event, never per record.

    What is counted was tried: a span that fails and is read again counts again.

    `last_turn` is when (monotonic) the cycle last began a turn, at first when the meter was made; `joined` whether the
    group ever gave an assignment.
    """

    def __init__(self, settings: Settings) -> None:
        self.registry = registry = CollectorRegistry()
        self.last_turn = time.monotonic()
        self.joined = False
        self._prefix = settings.prefix
        self._consumed = CONSUMED.counter(registry)
        self._decoded = DECODED.counter(registry)
        self._dead_letters = DEAD_LETTERS.counter(registry)
        self._batch_records = BATCH_RECORDS.histogram(registry)
        seconds = WORKER_SECONDS.counter(registry)
        self._seconds = {stage: seconds.labels(stage) for stage in STAGES}
        self._commit_seconds = COMMIT_SECONDS.histogram(registry)
        self._output_records = OUTPUT_RECORDS.counter(registry)
        self._changelog_records = CHANGELOG_RECORDS.counter(registry)
        self._changelog_bytes = CHANGELOG_BYTES.counter(registry)
        self._rebalances = REBALANCES.counter(registry)
        self._resets = RESETS.counter(registry)
        self._restored_records = RESTORED_RECORDS.counter(registry)
        self._restore_seconds = RESTORE_SECONDS.histogram(registry)
        self._snapshots = SNAPSHOTS.counter(registry)
        self._snapshot_bytes = SNAPSHOT_BYTES.counter(registry)
        self._stops = STOPS.counter(registry)
        ProcessCollector(registry=registry)

    def turned(self) -> None:
        """The cycle begins a turn."""
        self.last_turn = time.monotonic()

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Count the time within to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage].inc(time.perf_counter() - began)

    @contextmanager
    def commit(self) -> Iterator[None]:
        """One commit."""
        with self._commit_seconds.time():
            yield

    def read(self, topic: str, number: int, polled: int, part: Slice) -> None:
        """A poll brought `polled` records of a partition of `topic` (its full name), which came out as `part`."""
        topic, partition = topic.removeprefix(self._prefix), str(number)
        valid = len(part.event_time)
        self._consumed.labels(topic, partition).inc(polled)
        self._decoded.labels(topic, partition).inc(valid)
        for (stage, reason), count in Counts((one.stage, one.reason) for one in part.diverted).items():
            self._dead_letters.labels(topic, stage, reason).inc(count)
        if valid:
            self._batch_records.labels(topic).observe(valid)

    def committed(self, records: Mapping[str, list[Outgoing]], states: Iterable[str]) -> None:
        """A span was committed with these records, by full topic name; `states` keep changelogs."""
        changelogs = {self._prefix + changelog_name(state): state for state in states}
        for topic, entries in records.items():
            state = changelogs.get(topic)
            if state is None:
                self._output_records.labels(topic.removeprefix(self._prefix)).inc(len(entries))
            else:
                self._changelog_records.labels(state).inc(len(entries))
                self._changelog_bytes.labels(state).inc(sum([len(one.value or b"") for one in entries]))

    def rebalanced(self, event: Rebalance) -> None:
        """The group told this worker about its partitions."""
        self.joined = self.joined or event == "assigned"
        self._rebalances.labels(event).inc()

    def reset(self, cause: str) -> None:
        """A span failed and was settled in process."""
        self._resets.labels(cause).inc()

    def diverted(self, topic: str, stage: str, reason: str) -> None:
        """A record of `topic` (its full name) went to the dead letters after all others did not fail."""
        self._dead_letters.labels(topic.removeprefix(self._prefix), stage, reason).inc()

    def restored(self, records: int, seconds: float) -> None:
        """One partition was restored."""
        self._restored_records.inc(records)
        self._restore_seconds.observe(seconds)

    def snapshot(self, result: SnapshotResult, size: int = 0) -> None:
        """What came of a snapshot, of that many bytes where it was written."""
        self._snapshots.labels(result).inc()
        self._snapshot_bytes.inc(size)

    def stopped(self, error: BaseException) -> None:
        """The stream stopped itself."""
        self._stops.labels(type(error).__name__).inc()


def worker_info(settings: Settings) -> tuple[str, ...]:
    """The label values of WORKER_INFO."""
    return settings.worker_id or "", version("lamstream"), settings.guarantee.value, settings.clock.value


def states_of(partitions: Iterable[Partition]) -> set[str]:
    """The names of the states that partitions keep."""
    return {name for partition in partitions for name in partition.states}
