"""What a partition is restored from, what makes it ready, and what refuses it; on real Kafka where logs matter."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from services.health import readiness
from tests.kafka import Broker, kafka_of_its_own, unique
from tests.topics.engine import COUNTS, Engine, engine_settings, running
from tests.topics.events import event, publish
from topics import log_end
from topics.clients import admin_client, producer
from topics.errors import RestoreFailed
from topics.log_end import LogExtent, ask_changelogs, read_to_end, stable_ends
from topics.metrics import Meter
from topics.settings import Settings, load_settings
from topics.state import snapshot
from topics.state.base import PartitionedState
from topics.state.column import ColumnState
from topics.state.restore import WATERMARK_KEY, Restore, restore_all
from topics.state.snapshot import Head, LogPosition
from topics.table import TOPICS, Group, changelog_name
from topics.transport import snapshots
from topics.transport.assignment import Partition
from topics.transport.restoring import Restoring
from topics.watermark import BEFORE_ALL

LIMIT_S = 30.0
ROUNDS = 30
AT_ONCE = {
    **{"min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0", "max.compaction.lag.ms": "1"},
    **{"segment.ms": "50", "delete.retention.ms": TOPICS[changelog_name("session")].config()["delete.retention.ms"]},
}
"""Of a topic that is compacted as soon as it can be, and keeps deletions as long as every changelog."""


def restored(*known: str, keys: Sequence[str] = ("s-0",), watermark: int = BEFORE_ALL) -> None:
    """Judge a partition of two topics whose changelog held these, with committed offsets on the `known` ones."""
    state = ColumnState(COUNTS)
    state.row_numbers(pa.array(keys, pa.string()))
    group = Group("pair", ("mutation", "tombstone"), ("session",))
    partition = Partition(group, 0, group.topics, {"session": state}, {}, positions=dict.fromkeys(known, 3))
    settings = load_settings()
    Restoring(settings, Meter(settings), {}).refuse_state_without_offsets(partition, watermark)


def test_state_without_any_offset_is_refused() -> None:
    """Reading from the beginning would count again what the state holds."""
    with pytest.raises(RestoreFailed, match="no committed offset on mutation or tombstone"):
        restored()


def test_state_of_which_nothing_is_left_is_refused_too() -> None:
    """A watermark tells that there was some: what had ended would begin again."""
    with pytest.raises(RestoreFailed, match="no committed offset on mutation or tombstone"):
        restored(keys=(), watermark=1)
    restored(keys=())


def test_a_topic_of_which_nothing_took_effect_yet_is_read_from_its_beginning() -> None:
    """Its sister's records made the state; a crash before its own end was met, or a topic new to the group."""
    restored("mutation")


@dataclass
class Changelog:
    """A changelog topic of one partition on real Kafka, and who writes it."""

    settings: Settings
    topic: str
    told: list[str] = field(default_factory=list)

    def make(self, **config: str) -> None:
        admin = admin_client(self.settings)
        made = admin.create_topics([NewTopic(self.topic, 1, 1, config={"cleanup.policy": "compact", **config})])
        made[self.topic].result(LIMIT_S)
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:  # it is made before every part of the broker knows it
            with contextlib.suppress(RestoreFailed):
                assert self.log.end == 0
                return

    def delete(self) -> None:
        admin = admin_client(self.settings)
        admin.delete_topics([self.topic])[self.topic].result(LIMIT_S)

    @contextlib.contextmanager
    def writer(self, name: str = "writer") -> Iterator[Producer]:
        """A producer inside a transaction, which is the caller's to end."""
        writer = producer(self.settings, transactional_id=f"{self.topic}-{name}")
        writer.init_transactions(LIMIT_S)
        writer.begin_transaction()
        yield writer

    def write(self, counted: dict[str, int | None], watermark: int | None = None, *, abort: bool = False) -> None:
        """One span: rows, deleted keys (None), and the watermark."""
        with self.writer() as writer:
            self.put(writer, counted, watermark)
            (writer.abort_transaction if abort else writer.commit_transaction)(LIMIT_S)

    def put(self, writer: Producer, counted: dict[str, int | None], watermark: int | None = None) -> None:
        for key, value in records_of(counted):
            writer.produce(self.topic, value, key, partition=0)
        if watermark is not None:
            writer.produce(self.topic, b"%d" % watermark, WATERMARK_KEY, partition=0)
        writer.flush(LIMIT_S)

    @property
    def log(self) -> LogExtent:
        return ask_changelogs(self.settings, [(self.topic, 0)])[(self.topic, 0)]

    @property
    def path(self) -> Path:
        return snapshot.path_of(snapshot.folder(self.settings, self.log.cluster_id), "live", 0)

    def snapshot(self, counted: dict[str, int], watermark: int = 1, **changed: object) -> None:
        """Write a snapshot of these rows that stands where the log ends, unless `changed` says otherwise."""
        place = LogPosition(self.topic, self.log.topic_id, self.log.end)
        told = {"offset": place.offset, "topic_id": place.topic_id, "taken_at": time.time(), "layout": COUNTS} | changed
        place = place._replace(offset=told["offset"], topic_id=told["topic_id"])  # type: ignore[arg-type]
        state = ColumnState(told["layout"])  # type: ignore[arg-type]
        numbers = state.row_numbers(pa.array(list(counted)))
        state.rows["events"][numbers] = list(counted.values())
        state.keep()
        head = Head("live", 0, told["taken_at"], watermark, {}, {"session": place})  # type: ignore[arg-type]
        snapshot.write(self.path, head, {"session": state.block()})

    def restore(self, **changed: object) -> tuple[dict[str, int], int, int]:
        """What a restore comes to: counts by key, the watermark, and how many records of the log it read."""
        one = self.restore_of(**changed)
        assert list(restore_all(self.settings, [one], self.told.append)) == [one]
        return counts(one.states["session"]), one.restored.watermark, one.restored.records

    def restore_of(self, **changed: object) -> Restore:
        states: dict[str, PartitionedState] = {"session": ColumnState(COUNTS)}
        one = Restore(
            group="live",
            partition=0,
            changelogs={"session": self.topic},
            states=states,
            fresh=lambda _: ColumnState(COUNTS),
            has_offsets=True,
            built_on={},
            gone=lambda: False,
        )
        return replace(one, **changed)  # type: ignore[arg-type]


def records_of(counted: dict[str, int | None]) -> Iterator[tuple[str, bytes | None]]:
    state = ColumnState(COUNTS)
    live = {key: value for key, value in counted.items() if value is not None}
    state.rows["events"][state.row_numbers(pa.array(list(live), pa.string()))] = list(live.values())
    yield from zip(*state.changes(), strict=True)
    yield from ((key, None) for key, value in counted.items() if value is None)


def counts(state: PartitionedState) -> dict[str, int]:
    assert isinstance(state, ColumnState)
    rows = {key: state.find(key) for key in state}
    return {key: int(row["events"][0]) for key, row in rows.items() if row is not None}


@pytest.fixture
def changelog(kafka: str, tmp_path: Path) -> Changelog:
    """An empty changelog."""
    made = Changelog(
        load_settings(broker=kafka, worker_id="worker-0", state_dir=tmp_path), unique("restoring") + "-changelog"
    )
    made.make()
    return made


def test_what_was_aborted_is_not_restored(changelog: Changelog) -> None:
    """Nor is what stood before it lost; the log may end in markers."""
    changelog.write({"a": 1, "b": 1}, 10)
    changelog.write({"a": 2, "c": 2}, 20, abort=True)
    changelog.write({"a": 3}, 30)
    changelog.write({"b": 4}, 40, abort=True)
    assert changelog.restore()[:2] == ({"a": 3, "b": 1}, 30)


@pytest.mark.parametrize("committed", [True, False])
def test_an_open_transaction_below_the_end_is_waited_for(changelog: Changelog, committed: bool) -> None:
    """And its records count if it is committed then, and not if it is aborted."""
    changelog.write({"a": 1}, 10)
    with changelog.writer("predecessor") as other:
        changelog.put(other, {"b": 2}, 20)
        changelog.write({"c": 3})
        asked = 0

        def end_it() -> bool:
            nonlocal asked
            asked += 1
            if asked == 5:
                (other.commit_transaction if committed else other.abort_transaction)(LIMIT_S)
            return False

        found, watermark, _ = changelog.restore(gone=end_it)
    assert asked > 5
    assert (found, watermark) == (({"a": 1, "b": 2, "c": 3}, 20) if committed else ({"a": 1, "c": 3}, 10))


def test_a_snapshot_stands_below_what_is_undecided(changelog: Changelog) -> None:
    """The last stable offset: a transaction that another left open is read from the log later, if it commits."""
    changelog.write({"a": 1})
    below = changelog.log.end
    with changelog.writer("predecessor") as other:
        changelog.put(other, {"b": 2})
        changelog.write({"c": 3})
        assert changelog.log.end > below
        admin = admin_client(changelog.settings)
        stable = stable_ends(admin, [TopicPartition(changelog.topic, 0)], LIMIT_S)
        assert stable == {(changelog.topic, 0): below}
        other.abort_transaction(LIMIT_S)


def test_snapshot_and_tail_come_to_what_the_whole_log_does(changelog: Changelog) -> None:
    """Keys changed, deleted and new since, and records the snapshot already holds."""
    changelog.write({"a": 1, "b": 1, "c": 1}, 10)
    stands = changelog.log.end
    changelog.write({"a": 2, "d": 2}, 20)
    changelog.snapshot({"a": 2, "b": 1, "c": 1, "d": 2}, 20, offset=stands)
    changelog.write({"b": None, "c": 3}, 30)
    changelog.write({"a": 9}, 40, abort=True)
    found, watermark, read = changelog.restore()
    changelog.path.unlink()
    whole, _, all_read = changelog.restore()
    assert found == whole == {"a": 2, "c": 3, "d": 2}
    assert (watermark, changelog.told) == (30, ["read"])
    assert read < all_read


def test_a_snapshot_at_the_end_needs_nothing_of_the_log(changelog: Changelog) -> None:
    """The watermark comes from the snapshot."""
    changelog.write({"a": 1}, 10)
    changelog.snapshot({"a": 1}, 10)
    assert changelog.restore() == ({"a": 1}, 10, 0)


OTHER = replace(COUNTS, columns=(*COUNTS.columns[:1], replace(COUNTS.columns[1], dtype="<f4")))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"topic_id": "another"}, "made anew"),
        ({"offset": 10_000}, "stands at offset 10000"),
        ({"taken_at": 0.0}, "h ago"),
        ({"layout": OTHER}, "column"),
    ],
)
def test_a_snapshot_that_does_not_fit_is_discarded(
    changelog: Changelog, changed: dict[str, object], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says why, and everything is rebuilt from the changelog."""
    changelog.write({"a": 1}, 10)
    changelog.snapshot({"wrong": 7}, 99, **changed)
    assert changelog.restore()[:2] == ({"a": 1}, 10)
    assert changelog.told == ["discarded"]
    assert told in caplog.text
    assert "rebuilt from the log" in caplog.text
    assert not changelog.path.exists()


def test_a_damaged_snapshot_is_discarded(changelog: Changelog) -> None:
    """Whatever the disk made of it."""
    changelog.write({"a": 1})
    changelog.snapshot({"a": 1})
    content = bytearray(changelog.path.read_bytes())
    content[len(content) // 2] ^= 1
    changelog.path.write_bytes(content)
    assert changelog.restore()[0] == {"a": 1}
    assert changelog.told == ["discarded"]


def test_a_log_that_lost_its_beginning_is_refused_without_a_snapshot(changelog: Changelog) -> None:
    """With one that stands behind the loss all is there; without, or before it, rows are gone that offsets build on."""
    admin = admin_client(changelog.settings)
    deletes = ConfigEntry("cleanup.policy", "compact,delete", incremental_operation=AlterConfigOpType.SET)
    policy = ConfigResource(ResourceType.TOPIC, changelog.topic, incremental_configs=[deletes])
    admin.incremental_alter_configs([policy])[policy].result(LIMIT_S)
    changelog.write({"a": 1}, 10)
    before = changelog.log.end
    changelog.write({"b": 2}, 20)
    changelog.snapshot({"a": 1, "b": 2}, 20)
    first = TopicPartition(changelog.topic, 0, changelog.log.end - 1)
    for answer in admin.delete_records([first]).values():
        answer.result(LIMIT_S)
    changelog.write({"c": 3}, 30)
    assert changelog.restore()[:2] == ({"a": 1, "b": 2, "c": 3}, 30)
    changelog.snapshot({"a": 1}, 10, offset=before)
    with pytest.raises(RestoreFailed, match="records of state are gone"):
        changelog.restore()
    assert changelog.told == ["read", "discarded"]
    assert changelog.restore(has_offsets=False)[0] == {"c": 3}


def test_a_changelog_made_anew_is_refused_by_the_id_that_came_with_the_offsets(changelog: Changelog) -> None:
    """Offsets that name no id build on nothing known: Kafka's own tools set such ones."""
    changelog.write({"a": 1})
    before = changelog.log.topic_id
    changelog.snapshot({"a": 1})
    changelog.delete()
    changelog.make()
    with pytest.raises(RestoreFailed, match="deleted and made anew"):
        changelog.restore(built_on={changelog.topic: before})
    assert changelog.restore(built_on={})[0] == {}
    assert changelog.told == ["discarded"]


def test_a_compacted_changelog_comes_to_the_same(tmp_path: Path) -> None:
    """The newest row of each key is there, and no deleted one, though most of the log is not; also behind a snapshot
    that stands among what is gone."""
    # It looks for what can be compacted all the time.
    with kafka_of_its_own(properties={"log.cleaner.backoff.ms": "50"}) as server:
        settings = load_settings(broker=server.bootstrap, worker_id="worker-0", state_dir=tmp_path)
        changelog = Changelog(settings, unique("compacted") + "-changelog")
        changelog.make(**AT_ONCE)
        written: dict[str, int] = {}
        for number in range(ROUNDS):
            told: dict[str, int | None] = {"always": number, f"once-{number}": number, f"once-{number - 3}": None}
            changelog.write(told, watermark=number)
            written = {key: value for key, value in (written | told).items() if value is not None}
            if number == ROUNDS // 2:
                changelog.snapshot(written, watermark=number)
        began = changelog.log
        deadline = time.monotonic() + LIMIT_S
        changelog.write({"always": ROUNDS}, watermark=ROUNDS)
        # A segment is cleaned once another was begun behind it.
        while raw_records(changelog) > 1.5 * ROUNDS:
            assert time.monotonic() < deadline, "nothing was compacted"
            changelog.write({"always": ROUNDS})
        with_snapshot = changelog.restore()
        changelog.path.unlink()
        assert changelog.log.first == began.first == 0
        assert changelog.restore()[:2] == with_snapshot[:2] == (written | {"always": ROUNDS}, ROUNDS)
    assert changelog.told == ["read"]


def raw_records(changelog: Changelog) -> int:
    """Committed records that the log still has."""
    return sum(len(records) for records in read_to_end(changelog.settings, changelog.topic, 0))


def test_a_missing_changelog_is_named(changelog: Changelog) -> None:
    """With the command that tells what is missing."""
    missing = Changelog(changelog.settings, unique("nowhere"))
    with pytest.raises(RestoreFailed, match=rf"{missing.topic}.*`lam topics check`"):
        list(restore_all(missing.settings, [missing.restore_of()], missing.told.append))


def test_partitions_are_yielded_as_they_are_whole(changelog: Changelog) -> None:
    """One that waits for a transaction holds up no other; one that is taken away is not waited for."""
    other = Changelog(changelog.settings, unique("restoring"))
    other.make()
    changelog.write({"a": 1})
    other.write({"b": 2})
    with changelog.writer("open") as hanging:
        changelog.put(hanging, {"c": 3})
        taken_away: list[Restore] = []
        waiting, whole = changelog.restore_of(gone=lambda: bool(taken_away)), other.restore_of()
        for one in restore_all(changelog.settings, [waiting, whole], changelog.told.append):
            taken_away.append(one)
        hanging.abort_transaction(LIMIT_S)
    assert taken_away == [whole]
    assert counts(whole.states["session"]) == {"b": 2}


async def test_a_restore_that_waits_for_a_dead_producer_says_so(
    kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the partition and how far it is read, /readyz and the gauge what is read and left; the other
    partitions are whole meanwhile, and with the end of the transaction all are."""
    monkeypatch.setattr(log_end, "TELL_EVERY_S", 0.0)
    caplog.set_level(logging.INFO)
    settings = engine_settings(Broker(kafka, transactional=True), state_dir=tmp_path)
    publish(kafka, settings.prefix + "session-event", [event(number, f"s-{number}") for number in range(60)])
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == 60)
        before = engine.states()
    patient = settings.model_copy(update={"transaction_timeout_s": 2 * LIMIT_S})
    changelog = Changelog(patient, settings.prefix + changelog_name("session"))
    read, stands = raw_records(changelog), changelog.log.end
    assert read > 0
    with changelog.writer("dead") as dead:
        changelog.put(dead, {"never": 1, "nor": 2}, 10**15)
        end = changelog.log.end
        waits = f"{changelog.topic}[0]: read to {stands} of {end}; waiting for an open transaction"
        async with running(settings) as engine:
            await engine.until(lambda: engine.partitions == 3 and waits in caplog.text)
            status, told = ready(engine)
            assert (status, told["joined"], told["partitions"]) == (503, True, 4)
            (held,) = told["restoring"]
            assert (held["group"], held["partition"]) == ("live", 0)
            assert (held["records_read"], held["records_left"], left(engine)) == (read, end - stands, end - stands)
            assert held["rows"] == len(before) - len(engine.states())
            assert not re.search(r"read to (\d+) of \1;", caplog.text), "that is whole, and waits for nothing"
            dead.abort_transaction(LIMIT_S)
            await engine.until(lambda: engine.partitions == 4)
            assert ready(engine) == (200, {"joined": True, "partitions": 4, "restoring": []})
            assert left(engine) is None
            assert engine.states() == before


def ready(engine: Engine) -> tuple[int, dict[str, Any]]:
    answer = readiness(engine.app.standing)
    return answer.status, json.loads(answer.body)


def left(engine: Engine) -> float | None:
    labels = {"group": "live", "partition": "0"}
    return engine.app.standing.meter.registry.get_sample_value("lamstream_restore_left_records", labels)


async def test_a_worker_restarts_from_its_snapshots(
    kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are taken after commits, stand where nothing is lost, and offsets name the changelog they build on."""
    monkeypatch.setattr(snapshots, "EVERY_S", 0.0)
    settings = engine_settings(Broker(kafka, transactional=True), state_dir=tmp_path)
    topic = settings.prefix + "session-event"
    async with running(settings) as engine:
        for sent in count(40, 40):
            publish(kafka, topic, [event(number, f"s-{number}") for number in range(sent - 40, sent)])
            await engine.until(lambda: engine.seen == sent)  # noqa: B023
            if len(list(tmp_path.glob("*/live-*.snapshot"))) == 4:
                break
        before = engine.states()
        built_on = [one.changelog_ids for one in engine.app.stream_consumer.partitions.in_use()]
    read: list[str] = []
    monkeypatch.setattr(Meter, "snapshot", lambda self, result, size=0: read.append(result))
    async with running(settings) as engine:
        await engine.until(lambda: engine.partitions == 4)
        found = list(engine.app.stream_consumer.partitions.in_use())
        assert [one.built_on for one in found] == built_on
        assert engine.states() == before
    assert read.count("read") == 4
    assert "discarded" not in read


async def test_a_disk_that_refuses_does_not_stop_the_stream(
    kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, counted, and snapshots come back with the disk."""
    monkeypatch.setattr(snapshots, "EVERY_S", 0.0)
    monkeypatch.setattr(snapshots, "RETRY_S", 0.0)
    caplog.set_level(logging.INFO)
    place = tmp_path / "state"
    place.write_text("no folder")
    settings = engine_settings(Broker(kafka, transactional=True), state_dir=place)
    topic = settings.prefix + "session-event"
    told: list[str] = []
    monkeypatch.setattr(Meter, "snapshot", lambda self, result, size=0: told.append(result))
    async with running(settings) as engine:
        for sent in count(20, 20):
            publish(kafka, topic, [event(number, f"s-{number}") for number in range(sent - 20, sent)])
            await engine.until(lambda: engine.seen == sent)  # noqa: B023
            if told.count("failed") >= 2 and place.is_file():
                place.unlink()
            if "written" in told:
                break
    assert caplog.text.count("no snapshots for now") == 1
    assert "snapshots are written again" in caplog.text


@pytest.mark.parametrize(
    ("records", "keys", "seconds", "due"),
    [(0, 0, 1e9, False), (1, 9, 599, False), (1, 9, 600, True), (50_000, 9, 1, False), (50_001, 9, 1, True)],
)
def test_when_a_snapshot_is_due(records: int, keys: int, seconds: float, due: bool) -> None:
    """After many records, or after a while with any."""
    assert snapshots.is_due(records, keys, seconds) is due
    assert not snapshots.is_due(min(records, keys), keys, min(seconds, 599))
