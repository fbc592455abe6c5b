"""How long a dead worker holds committed readers back."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_INVALID, IsolationLevel, TopicPartition
from confluent_kafka.admin._listoffsets import OffsetSpec

from deploy.kafka.server import ABORT_CHECK_MS
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery, NurseryWorker
from tests.system.rotation import SETTINGS
from tests.system.stream import Stream, stream_on
from topics.clients import admin_client, reader
from topics.consuming import everywhere
from topics.faults import Point
from topics.settings import Settings
from topics.table import TOPICS

SLOTS = 6_000
TRIES = 5
MARKERS_S = 2.0
"""For the broker to write the markers of an abort, and a reader to see them, on a busy machine."""
LIMIT_S = 60.0
LOOK_S = 0.05


@pytest.mark.parametrize("point", [Point.OFFSETS, Point.COMMIT])
def test_a_dead_worker_holds_committed_readers_back_no_longer_than_stated(
    kafka: str, tmp_path: Path, nursery: Nursery, point: Point
) -> None:
    """Killed with an open transaction and without a successor: a committed reader goes on after transaction timeout and
    the broker's next look at open transactions, as docs/guarantee.md says."""
    with stream_on(kafka, tmp_path, starting=nursery.worker, **SETTINGS) as stream:
        feeding = Feeding(stream, Load(1, SLOTS))
        feeding.begin()
        feeding.keep_ahead()
        died = die(stream, point)
        while held_back(stream):
            assert time.monotonic() - died < LIMIT_S
            time.sleep(LOOK_S)
        took_s = time.monotonic() - died
        feeding.close()
    print(f"held back for {took_s:.2f} s")
    assert took_s <= SETTINGS["transaction_timeout_s"] + ABORT_CHECK_MS / 1000 + MARKERS_S


def die(stream: Stream, point: Point) -> float:
    """When a worker died that leaves committed readers waiting: the first that had sent something by then."""
    for attempt in range(TRIES):
        worker = stream.start("only", LAM_FAULTS=f"{point.value}:kill:{attempt + 5}")
        assert isinstance(worker, NurseryWorker)
        assert worker.wait(LIMIT_S)
        died = time.monotonic()
        assert worker.status() == -signal.SIGKILL
        stream.forget("only")
        if held_back(stream):
            return died
    raise AssertionError(f"{TRIES} workers died at {point.value} with nothing open")


def held_back(stream: Stream) -> list[str]:
    """Topics that a worker writes whose end a committed reader cannot reach."""
    settings, client = stream.settings, reader(stream.settings)
    names = [settings.prefix + name for name, spec in TOPICS.items() if not spec.input]
    targets = [one for name in names for one in everywhere(client, name, OFFSET_INVALID, settings.request_timeout_s)]
    client.close()
    ends, stable = (asked(settings, targets, level) for level in IsolationLevel)
    return [name for (name, number), end in stable.items() if end < ends[(name, number)]]


def asked(settings: Settings, targets: list[TopicPartition], level: IsolationLevel) -> dict[tuple[str, int], int]:
    """Where each partition ends for readers of that isolation."""
    latest = {one: OffsetSpec.latest() for one in targets}  # type: ignore[no-untyped-call]
    admin = admin_client(settings)  # answers need it as long as they are waited for
    answers = admin.list_offsets(latest, isolation_level=level, request_timeout=settings.request_timeout_s)
    return {(one.topic, one.partition): answer.result().offset for one, answer in answers.items()}
