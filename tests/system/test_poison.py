"""A record that ends the process is found and put aside, with nothing kept on a disk of the worker's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.kafka import Broker
from tests.system.mortal import MARK
from tests.system.reading import read_topic, records, state_in_log
from tests.topics.engine import COUNTS, engine_settings
from tests.topics.events import event, publish
from topics.consuming import header
from topics.settings import Settings

EVENTS = [event(number, f"s-{number % 7}") for number in range(100)]
POISON = event(100, "s-3", event_id=MARK)
STREAM = [*EVENTS[:60], POISON, *EVENTS[60:]]
POLLED = 4
MOST_STARTS = 12
"""Two whole tries, a half each time from POLLED down to one, three alone, the one that lives, and some to spare."""
LIMIT_S = 120.0
PASSED_ON = ("broker", "prefix", "partitions", "session_timeout_s", "poll_records", "tick_s")


def live_once(settings: Settings, end: str, worker: str, disk: Path, log: Path) -> int:
    """Start a worker on a disk, wait for its end, and tell its status."""
    assert not disk.exists()
    values = {f"LAM_{name.upper()}": str(getattr(settings, name)) for name in PASSED_ON}
    with log.open("ab") as out:
        return subprocess.run(
            [sys.executable, "-m", "tests.system.mortal", end],
            env={**os.environ, **values, "LAM_WORKER_ID": worker, "LAM_STATE_DIR": str(disk), "LAM_METRICS_PORT": ""},
            stdout=out,
            stderr=out,
            timeout=LIMIT_S,
            check=False,
        ).returncode


def counted(settings: Settings) -> Counter[str]:
    """The events of each session, by the changelog."""
    found: Counter[str] = Counter()
    for number in range(settings.partitions):
        state = state_in_log(settings, COUNTS, number)
        found.update({key: int(row["events"][0]) for key in state if (row := state.find(key)) is not None})
    return found


@pytest.mark.parametrize(
    ("end", "reason", "deaths", "workers"),
    [
        ("segfault", "process_died", True, 1),
        ("killed", "process_died", True, 2),
        ("exhausted", "agent_failed", False, 1),
    ],
)
def test_a_record_that_ends_the_process_is_put_aside(
    kafka: str, tmp_path: Path, end: str, reason: str, deaths: bool, workers: int
) -> None:
    """It is a dead letter after as many deaths as halves; all others took effect once, on sums and on state.

    Each life has a disk of its own. Of one worker each life is a restart; of two, each is a takeover by the other.
    """
    settings = engine_settings(Broker(kafka, transactional=True), poll_records=POLLED)
    publish(settings.broker, settings.prefix + "session-event", STREAM)
    log = tmp_path / "worker.log"
    statuses: list[int] = []
    while 0 not in statuses:
        assert len(statuses) < MOST_STARTS, (statuses, log)
        life = len(statuses)
        statuses.append(live_once(settings, end, f"mortal-{life % workers}", tmp_path / f"disk-{life}", log))
    assert (len(statuses) > 1) == deaths, statuses
    letters = [one for of_one in read_topic(settings, "session-event.dlq").values() for one in of_one]
    assert [(one.key(), header(one, "lamstream.error.reason")) for one in letters] == [(b"s-3", reason.encode())]
    assert sum(int(one["folded"]) for one in records(settings, "site-delta")) == len(EVENTS)
    assert counted(settings) == Counter(one["session_id"] for one in EVENTS)
