"""How long a dead worker holds committed readers back."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import OFFSET_INVALID

from deploy.kafka.server import ABORT_CHECK_MS
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery, NurseryWorker
from tests.system.rotation import SETTINGS
from tests.system.stream import Stream, stream_on
from topics.clients import admin_client, reader
from topics.consuming import everywhere
from topics.log_end import end_offsets
from topics.table import changelog_name
from topics.transport.faults import Point

SLOTS = 6_000
WROTE = changelog_name("session")
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
        worker = stream.start("only", LAM_FAULTS=f"{point.value}:kill:3")
        assert isinstance(worker, NurseryWorker)
        assert worker.wait(LIMIT_S)
        died = time.monotonic()
        assert worker.status() == -signal.SIGKILL
        stream.forget("only")
        held = held_back(stream)
        assert held, "the worker died with nothing open"
        while held_back(stream):
            assert time.monotonic() - died < LIMIT_S
            time.sleep(LOOK_S)
        bound_s = stream.settings.transaction_timeout_s + ABORT_CHECK_MS / 1000
        assert time.monotonic() - died <= bound_s + MARKERS_S
        feeding.close()


def held_back(stream: Stream) -> list[int]:
    """Partitions of what the worker wrote whose end a committed reader cannot reach."""
    settings, client = stream.settings, reader(stream.settings)
    name = settings.prefix + WROTE
    targets = everywhere(client, name, OFFSET_INVALID, settings.request_timeout_s)
    ends = end_offsets(admin_client(settings), targets, settings.request_timeout_s)
    stable = {one.partition: client.get_watermark_offsets(one, settings.request_timeout_s)[1] for one in targets}
    client.close()
    return [number for number, end in stable.items() if end < ends[(name, number)]]
