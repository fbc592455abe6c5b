"""A worker leaves, and its process ends, whatever the disk does under a snapshot."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tests.kafka import Broker
from tests.topics.engine import COUNTS, committed_records, engine_settings, running
from tests.topics.events import event, publish
from topics.embedded import PARTITIONS
from topics.metrics import Meter
from topics.settings import load_settings
from topics.state import snapshot
from topics.state.column import ColumnState
from topics.state.snapshot import LogPosition
from topics.table import Group
from topics.transport import snapshots
from topics.transport.assignment import Partition
from topics.transport.snapshots import Snapshots, _Asked

LIMIT_S = 30.0
SHORT_S = 0.01
NEVER_S = 600
HALF = PARTITIONS // 2
SESSIONS = 10_000
"""As many make a file that no pipe holds."""


class Disk:
    """One that does not answer until `release`."""

    def __init__(self) -> None:
        self.asked: list[Path] = []
        self._answers = threading.Event()

    def write(self, path: Path, *given: object) -> int:
        self.asked.append(path)
        self._answers.wait()
        return 0

    def release(self) -> None:
        self._answers.set()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    made = Disk()
    monkeypatch.setattr(snapshot, "write", made.write)
    yield made
    made.release()


def writing(place: Path) -> Snapshots:
    """With a snapshot under way into that folder."""
    state = ColumnState(COUNTS)
    numbers = state.row_numbers(pa.array([f"s-{number}" for number in range(SESSIONS)]))
    state.rows["events"][numbers] = np.random.default_rng(0).integers(2**62, size=SESSIONS)
    state.keep()
    settings = load_settings(state_dir=place)
    group = Group("live", ("session-event",), ("session",))
    partition = Partition(group, 0, group.topics, {"session": state}, {})
    made = Snapshots(settings, Meter(settings))
    made._copy(partition, _Asked(time.time(), place, {"session": LogPosition("changelog", "id", 9)}))
    return made


def test_a_disk_that_does_not_answer_is_left_after_a_while(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says so."""
    monkeypatch.setattr(snapshots, "LEAVING_S", SHORT_S)
    writing(tmp_path).close()
    assert "did not end within 0.01 s" in caplog.text


def test_what_is_being_written_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The snapshot is whole, and nothing is told."""
    caplog.set_level(logging.WARNING)
    writing(tmp_path).close()
    assert len(snapshot.read(snapshot.path_of(tmp_path, "live", 0)).block("session")) == SESSIONS
    assert not caplog.records


class Ending:
    """Tells that the interpreter is at its end, and holds it there until it is answered."""

    def __del__(self) -> None:
        os.write(1, b".")
        os.read(0, 1)


def leave(place: str) -> None:
    """In a process of its own: leave while a snapshot is written, and end."""
    os.read(0, 1)
    snapshots.LEAVING_S = SHORT_S
    writing(Path(place)).close()


def test_a_process_ends_in_order_while_its_disk_is_asked(tmp_path: Path) -> None:
    """Also where the disk answers just then: a thread inside Arrow would abort the process."""
    code = f"from {__name__} import Ending, leave; ending = Ending(); leave({str(tmp_path)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        path = snapshot.path_of(tmp_path, "live", 0)
        slow = path.with_name(f"{path.name}.{process.pid}{snapshot.UNFINISHED}")
        os.mkfifo(slow)
        process.stdin.write(b".")
        process.stdin.flush()
        try:
            with slow.open("rb", buffering=0) as disk:
                assert select.select([process.stdout], [], [], LIMIT_S)[0], "the process waits for its disk"
                assert process.stdout.read(1) == b"."
                while disk.read(1 << 20):
                    process.stdin.close()
                assert process.wait(LIMIT_S) == 0
        finally:
            process.kill()


async def test_a_worker_whose_disk_does_not_answer_goes_on_and_leaves(
    disk: Disk, kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It commits, shares its partitions with a peer, and hands it the others when it is drained."""
    monkeypatch.setattr(snapshots, "EVERY_S", 0.0)
    monkeypatch.setattr(snapshots, "LEAVING_S", SHORT_S)
    settings = engine_settings(Broker(kafka, transactional=True), state_dir=tmp_path, session_timeout_s=NEVER_S)
    topic = settings.prefix + "session-event"

    def publish_events(numbers: range) -> None:
        publish(kafka, topic, [event(number, f"s-{number % 20}") for number in numbers])

    async with contextlib.AsyncExitStack() as peers:
        async with running(settings) as first:
            for sent in range(20, 1000, 20):
                publish_events(range(sent - 20, sent))
                await first.until(lambda: first.seen == sent)  # noqa: B023
                if disk.asked:
                    break
            publish_events(range(sent, sent + 100))
            await first.until(lambda: first.seen == sent + 100)
            second = await peers.enter_async_context(running(settings.model_copy(update={"worker_id": "worker-1"})))
            await first.until(lambda: first.partitions == HALF)
            await second.until(lambda: second.partitions == HALF)
            publish_events(range(sent + 100, sent + 200))
            await second.until(lambda: first.seen + second.seen == sent + 200)
            first.app.leaving_for_good = True
        assert caplog.text.count("did not end within") == 1
        publish_events(range(sent + 200, sent + 300))
        await second.until(lambda: sum(second.states().values()) == sent + 300)
        await second.until(lambda: second.partitions == PARTITIONS)
    told = committed_records(settings, "site-delta", first.batches + second.batches)
    assert sum(delta["folded"] for delta in told) == first.seen + second.seen == sent + 300
