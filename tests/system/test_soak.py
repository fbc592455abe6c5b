"""The short form of `python -m bench.soak`."""

from __future__ import annotations

from pathlib import Path

from bench.soak import Soak, soak
from tests.kafka import kafka_of_its_own
from tests.system.nursery import Nursery
from tests.system.tally import Tally

SHORT = Soak(seconds=60.0, rate=1_000.0, every_s=8.0, whole=True)


def test_a_minute_of_faults_of_every_kind(tmp_path: Path, nursery: Nursery, tally: Tally) -> None:
    """Workers killed, failed and frozen, the broker stopped and killed, all under a steady load: nothing is missing,
    nothing twice, and the report says what happened."""
    report, faults, verdict = soak(SHORT, kafka_of_its_own(), nursery, tmp_path, print)
    print(report)
    tally.add(faults, verdict)
    assert (report.lost, report.duplicated, report.wrong) == (0, 0, [])
    assert len(report.faults) == 6
    assert report.memory_mib
    assert report.longest_pause_s > 0
