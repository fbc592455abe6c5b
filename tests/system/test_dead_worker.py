"""How long a dead worker holds committed readers back."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.kafka.server import ABORT_CHECK_MS
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery, NurseryWorker
from tests.system.rotation import SETTINGS
from tests.system.stream import Stream, stream_on
from topics.clients import admin_client
from topics.faults import Point
from topics.log_end import end_offsets, stable_ends
from topics.settings import Settings
from topics.table import TOPICS

SLOTS = 12_000
TRIES = 5
MARKERS_S = 2.0
"""For the broker to write the markers of an abort, and a reader to see them, on a busy machine."""
LIMIT_S = 60.0
LOOK_S = 0.05


@pytest.mark.parametrize("point", [Point.OFFSETS, Point.COMMIT])
def test_a_dead_worker_holds_committed_readers_back_no_longer_than_stated(
    kafka: str, tmp_path: Path, nursery: Nursery, point: Point, seed: int
) -> None:
    """Killed with an open transaction and without a successor: a committed reader goes on after transaction timeout and
    the broker's next look at open transactions, as docs/guarantee.md says."""
    with stream_on(kafka, tmp_path, starting=nursery.worker, **SETTINGS) as stream:
        feeding = Feeding(stream, Load(seed, SLOTS))
        feeding.begin()
        feeding.keep_ahead()
        admin = admin_client(stream.settings)
        died = die(stream, admin, point)
        looked = time.monotonic()
        while held_back(stream.settings, admin):
            assert looked - died < LIMIT_S
            time.sleep(LOOK_S)
            looked = time.monotonic()
        took_s = looked - died
        feeding.close()
    print(f"held back for {took_s:.2f} s")
    assert took_s <= SETTINGS["transaction_timeout_s"] + ABORT_CHECK_MS / 1000 + MARKERS_S


def die(stream: Stream, admin: AdminClient, point: Point) -> float:
    """When a worker died that leaves committed readers waiting: the first that had sent something by then."""
    for attempt in range(TRIES):
        worker = stream.start("only", LAM_FAULTS=f"{point.value}:kill:{attempt + 2}")
        assert isinstance(worker, NurseryWorker)
        assert worker.wait(LIMIT_S)
        died = time.monotonic()
        assert worker.status() == -signal.SIGKILL
        stream.forget("only")
        if held_back(stream.settings, admin):
            return died
    raise AssertionError(f"{TRIES} workers died at {point.value} with nothing open")


def held_back(settings: Settings, admin: AdminClient) -> list[str]:
    """Topics that a worker writes whose end a committed reader cannot reach."""
    names = [settings.prefix + name for name, spec in TOPICS.items() if not spec.input]
    known = admin.list_topics(timeout=settings.request_timeout_s).topics
    written = [TopicPartition(name, number) for name in names for number in known[name].partitions]
    ends = end_offsets(admin, written, settings.request_timeout_s)
    stable = stable_ends(admin, written, settings.request_timeout_s)
    return sorted({name for (name, number), end in stable.items() if end < ends[(name, number)]})
