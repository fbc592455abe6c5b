"""The agent of assembly, driven by hand: batches and watermarks in, records of its topics and kept state out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from agents.app import app
from agents.assembly import assembly, parents
from models.assembly.config import DAY_MS, HOUR_MS
from schemas.clocks import record_times
from schemas.codec import Decoder, Encoder, SchemaStore
from schemas.record_type import RecordType, record_type
from schemas.validation import violations
from tests.models.assembly.events import BORN, FINAL, FIRST, RETIRED, activity, mutation, tombstone
from topics.state.base import PartitionedState
from topics.state.record import RecordState
from topics.table import GROUPS, TOPICS
from topics.transport.assignment import Partition
from topics.transport.batch import RecordBatch
from topics.transport.message import Completion
from topics.transport.outbox import Outbox, RecordEncoder

GROUP = GROUPS["assembly"]
handle: Any = assembly.fun


def columns(kind: RecordType, records: list[dict[str, Any]]) -> pa.RecordBatch:
    """Records as a poll brings them."""
    encoder = Encoder(kind)
    decoded = Decoder(kind, SchemaStore()).decode([encoder.encode(record) for record in records])
    assert decoded.bad == []
    return decoded.batch


def decoded(kind: RecordType, values: list[bytes | None]) -> list[dict[str, Any]]:
    """Records as any reader would have them, who admits only what the schema says."""
    read = Decoder(kind, SchemaStore()).decode(values)
    assert read.bad == []
    assert violations(read.batch, kind) == []
    records: list[dict[str, Any]] = read.batch.to_pylist(maps_as_pydicts="strict")
    return records


def new_partition() -> Partition:
    states: dict[str, PartitionedState] = {name: app.state_factories[name]() for name in GROUP.states}
    return Partition(GROUP, 3, GROUP.topics, states, {})


@dataclass
class Worker:
    """One partition, the agent, and what a commit would send."""

    partition: Partition = field(default_factory=new_partition)
    outbox: Outbox = field(default_factory=Outbox)
    log: list[tuple[str, bytes | None]] = field(default_factory=list)

    @property
    def state(self) -> RecordState:
        state = self.partition.states["container"]
        assert isinstance(state, RecordState)
        return state

    async def see(self, watermark: int, topic: str = "mutation", *records: dict[str, Any]) -> None:
        """Hand the agent one batch; without records it is the passage of time."""
        kind = record_type(TOPICS[topic].record or "")
        taken = columns(kind, list(records))
        times, _ = record_times(taken, np.zeros(len(records), np.int64), replay=True)
        completion = Completion("a batch", asyncio.get_running_loop())
        batch = RecordBatch(
            topic=topic,
            partition=self.partition,
            columns=taken,
            event_time=times,
            arrival=times,
            watermarks=np.full(len(times), watermark, np.int64),
            watermark=watermark,
            encoder=RecordEncoder("/test"),
            span_outbox=self.outbox,
            completion=completion,
        )
        await handle(_only(batch))
        await completion.outcome

    def commit(self) -> None:
        self.log += zip(*self.state.changes(), strict=True)
        self.state.keep()

    def abort(self) -> None:
        self.state.take_back()
        self.outbox.records.clear()

    def sent(self, topic: str) -> list[dict[str, Any]]:
        """What waits for the topic, as its readers will have it; each is told once."""
        waiting = self.outbox.records.pop(topic, [])
        spec = TOPICS[topic]
        records = decoded(record_type(spec.record or ""), [one.value for one in waiting])
        assert [one.key for one in waiting] == [record[spec.key or ""] for record in records]
        return records

    def restored(self) -> Worker:
        """Another worker, with the state that the changelog tells."""
        other = Worker(log=list(self.log))
        other.state.load([key for key, _ in self.log], [value for _, value in self.log])
        return other


async def _only(batch: RecordBatch) -> AsyncIterator[RecordBatch]:
    yield batch


def known_parent(watermark: int) -> None:
    hour = {"hour": BORN, "n": 50, "reward_sum": 20.0, "reward_sum_sq": 9.0}
    record = {"container_id": "c-0", "site_id": "shop", "watermark": watermark, "hours": [hour]}
    (stats,) = decoded(record_type("container-stats"), [Encoder(record_type("container-stats")).encode(record)])
    parents.apply("c-0", stats, 0)


@pytest.fixture(autouse=True)
def _own_parents() -> Any:
    known_parent(RETIRED)
    yield
    parents.apply("c-0", None, 1)


async def test_three_topics_become_a_tuple_in_revisions() -> None:
    """Mutation, activity and tombstone, in batches of their own, make revision 1, an amendment and the final one."""
    worker = Worker()
    await worker.see(BORN, "mutation", mutation())
    await worker.see(BORN, "container-activity", activity(20), activity(10), activity(8, container_id="c-2"))
    await worker.see(BORN + HOUR_MS)
    assert {one["container_id"] for one in worker.sent("container-stats")} == {"c-1", "c-2"}
    await worker.see(FIRST - 1, "tombstone", tombstone())
    assert worker.sent("training-tuple") == []
    await worker.see(FIRST)
    (first,) = worker.sent("training-tuple")
    assert (first["revision"], first["missing"], first["reward"]["n"]) == (1, [], 30)
    assert first["reward"]["delta"] == pytest.approx(0.5 - 0.4)
    assert first["before"]["components"] == {"HERO": 1, "CTA": 2}
    (stats,) = worker.sent("container-stats")
    assert (stats["container_id"], stats["watermark"]) == ("c-1", FIRST)
    await worker.see(FIRST, "container-activity", activity(1))
    await worker.see(FIRST + HOUR_MS)
    (second,) = worker.sent("training-tuple")
    assert (second["tuple_id"], second["revision"], second["reward"]["n"]) == (first["tuple_id"], 2, 31)
    await worker.see(FINAL)
    (last,) = worker.sent("training-tuple")
    assert (last["tuple_id"], last["revision"], last["final"]) == (first["tuple_id"], 3, True)
    assert set(worker.state) == {"c-1", "c-2"}
    await worker.see(RETIRED + 7 * DAY_MS)
    assert set(worker.state) == {"c-2"}


async def test_tuples_are_told_to_their_sites() -> None:
    """First and final revisions are counted by site, as a delta of the partition; amendments are not."""
    worker = Worker()
    other = {"container_id": "c-2", "site_id": "other"}
    await worker.see(FIRST, "tombstone", tombstone(), tombstone(**other))
    deltas = worker.sent("site-delta")
    assert [(one["site_id"], one["tuples"], one["tuples_final"]) for one in deltas] == [("other", 1, 0), ("shop", 1, 0)]
    assert {(one["source_topic"], one["source_partition"], one["watermark"]) for one in deltas} == {
        ("container-activity", 3, FIRST)
    }
    assert {one["visits"] for one in deltas} == {0}
    await worker.see(FIRST + HOUR_MS, "mutation", mutation())
    assert len(worker.sent("training-tuple")) == 3
    assert worker.sent("site-delta") == []
    await worker.see(FINAL)
    assert [(one["tuples"], one["tuples_final"]) for one in worker.sent("site-delta")] == [(0, 1), (0, 1)]


async def test_a_span_that_failed_is_made_again() -> None:
    """After an abort what was due is due again, with the same records, and is then made once."""
    worker = Worker()
    await worker.see(BORN, "mutation", mutation())
    await worker.see(BORN, "tombstone", tombstone())
    worker.commit()
    await worker.see(FIRST, "container-activity", activity())
    aborted = worker.sent("training-tuple")
    worker.abort()
    await worker.see(FIRST, "container-activity", activity())
    again = worker.sent("training-tuple")
    assert again == aborted
    assert [one["revision"] for one in again] == [1]
    worker.commit()
    await worker.see(FIRST)
    assert worker.sent("training-tuple") == []


async def test_a_restored_worker_goes_on_with_what_is_due() -> None:
    """The changelog brings containers back with their due times: the final revision comes from another worker."""
    worker = Worker()
    await worker.see(BORN, "tombstone", tombstone())
    await worker.see(BORN, "container-activity", activity())
    worker.commit()
    await worker.see(FIRST)
    worker.commit()
    other = worker.restored()
    await other.see(FINAL - 1)
    assert other.sent("training-tuple") == []
    await other.see(FINAL)
    (final,) = other.sent("training-tuple")
    assert (final["revision"], final["final"], final["missing"]) == (2, True, ["mutation"])


async def test_activity_without_visits_is_not_kept() -> None:
    """A row that says nothing makes no container."""
    worker = Worker()
    await worker.see(BORN, "container-activity", activity(0))
    assert len(worker.state) == 0
