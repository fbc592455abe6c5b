"""Brokers that are stopped, killed and away for a while under load."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from deploy.kafka import KafkaServer
from tests.kafka import kafka_of_its_own
from tests.system.crew import Crew
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery
from tests.system.rotation import SETTINGS, conclude
from tests.system.stream import stream_on
from tests.system.tally import Tally
from tests.system.verdict import verify

BROKERS, HEAP_MB = 3, 384
PARTITIONS = 3
SLOTS = 12_000
POLLED = 2_500
RATE = 1_500.0
"""Session events a second."""
AWAY_S = 30.0
APART_S = 4.0
LOOK_S = 0.1


def server(brokers: int) -> KafkaServer:
    return kafka_of_its_own(brokers, heap_mb=HEAP_MB)


def test_brokers_bounced_under_load_cost_nothing(tmp_path: Path, nursery: Nursery, tally: Tally, seed: int) -> None:
    """Each of three brokers is stopped in good order, then killed, in turn while events go through: no worker ends,
    nothing is missing and nothing twice."""
    settings = {**SETTINGS, "partitions": PARTITIONS, "replication": BROKERS, "poll_records": POLLED}
    with server(BROKERS) as kafka, stream_on(kafka.bootstrap, tmp_path, starting=nursery.worker, **settings) as stream:
        crew, feeding = Crew(stream), Feeding(stream, Load(seed, SLOTS))
        feeding.begin()
        crew.begin(2)
        stream_for = _feeding(crew, feeding)
        stream_for(2 * APART_S)
        for broker in range(BROKERS):
            kafka.restart(broker)
            stream_for(APART_S)
            kafka.kill(broker)
            stream_for(APART_S)
            kafka.restart(broker)
            stream_for(APART_S)
        assert crew.faults.kills.total() == 0
        conclude(stream, crew, feeding)
        verdict = verify(stream.settings, whole=True)
    tally.add(crew.faults, verdict)
    assert verdict.records == feeding.fed
    assert verdict.right, verdict


def test_a_broker_away_for_30_s_ends_no_worker(tmp_path: Path, nursery: Nursery, tally: Tally, seed: int) -> None:
    """The only broker is killed under load and comes back after 30 s: the workers that were there go on, exactly."""
    settings = {**SETTINGS, "partitions": PARTITIONS, "poll_records": POLLED}
    with server(1) as kafka, stream_on(kafka.bootstrap, tmp_path, starting=nursery.worker, **settings) as stream:
        crew, feeding = Crew(stream), Feeding(stream, Load(seed, SLOTS))
        feeding.begin()
        crew.begin(2)
        there = {life.name: life.process.pid for life in crew.lives}
        stream_for = _feeding(crew, feeding)
        stream_for(2 * APART_S)
        kafka.kill()
        stream_for(AWAY_S)
        kafka.restart()
        stream_for(2 * APART_S)
        feeding.finish()
        crew.look()
        assert {life.name: life.process.pid for life in crew.lives} == there
        verdict = verify(stream.settings, whole=True)
    tally.add(crew.faults, verdict)
    assert verdict.records == feeding.fed
    assert verdict.right, verdict


def _feeding(crew: Crew, feeding: Feeding) -> Callable[[float], None]:
    def stream_for(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            feeding.keep_pace(RATE)
            crew.look()
            time.sleep(LOOK_S)

    return stream_for
