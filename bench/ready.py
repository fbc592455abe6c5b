"""An hour of the standard job, a kill, and how soon its successor is ready: `python -m bench.ready`, on real Kafka.

One worker takes J1's load at a steady rate. It is killed while the load goes on, and started again at once: with its
disk, so that it begins with its snapshots, and, killed once more, on a fresh disk, so that it reads all of its
changelogs. Ready is when `/readyz` says so: the group joined, every partition whole. It is counted from the start of
the process, imports and kernels included. The worker's memory is sampled over the whole time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.load import LoadShape
from bench.measure import MASTER_KEY, prepare
from bench.progress import say
from bench.sites import publish_sites
from bench.soak import resident_mib, spark
from bench.subjects import INPUT, SUBJECTS
from deploy import processes
from deploy.kafka import KafkaFailed, KafkaUnavailable, broker_for_tests
from deploy.kafka.server import free_port
from topics.lag import lags
from topics.settings import load_settings

RATE = 10_000.0
SAMPLE_S = 10.0
TELL_S = 60.0
LOOK_S = 0.02
READY_LIMIT_S, CAUGHT_UP_LIMIT_S = 180.0, 600.0
AFTER_S = 600.0
"""For how long the load goes on after the hour; it is stopped before."""
LAMSTREAM = SUBJECTS[0]


@dataclass(frozen=True)
class Ready:
    """How a worker came back; seconds from its start. `caught_up_s`: until less than a second of the load waited."""

    source: str
    answered_s: float
    first_ready_s: float
    ready_s: float
    caught_up_s: float
    log_records: int
    sessions: int


@dataclass(frozen=True)
class Report:
    """`memory_mib` of the worker before the kill, sampled every SAMPLE_S; records committed by then."""

    minutes: float
    rate: float
    records: int
    memory_mib: list[int]
    ready: list[Ready]

    def __str__(self) -> str:
        lines = [
            f"{self.records:,} records in {self.minutes:g} minutes, memory {spark(self.memory_mib)} "
            f"{self.memory_mib[0]} to {self.memory_mib[-1]} MiB, at most {max(self.memory_mib)}"
        ]
        lines += [
            f"{one.source:<10} ready in {one.ready_s:.2f} s (process up {one.answered_s:.2f}, first partition "
            f"{one.first_ready_s:.2f}), {one.log_records:,} changelog records read, {one.sessions:,} sessions, caught "
            f"up in {one.caught_up_s:.1f} s"
            for one in self.ready
        ]
        return "\n".join(lines)


class J1:
    """Topics, sites and a load at a steady rate; a worker on it."""

    def __init__(self, bootstrap: str, scratch: Path, rate: float) -> None:
        self.settings = load_settings(broker=bootstrap, prefix=f"bench-{uuid.uuid4().hex[:8]}-ready-", worker_id="j1")
        self.rate = rate
        self._bootstrap = bootstrap
        self._scratch = scratch
        self._port = free_port()
        self.log = scratch / "worker.log"
        prepare(LAMSTREAM, bootstrap, self.settings.prefix)
        publish_sites(bootstrap, self.settings.prefix)

    @contextmanager
    def loaded(self, seconds: float) -> Iterator[None]:
        """The load goes on for so long, or until the context ends."""
        topic = self.settings.prefix + INPUT
        command = [sys.executable, "-m", "bench.load", self._bootstrap, topic, "--rate", str(self.rate)]
        load = processes.spawn([*command, "--seconds", str(seconds)], log=self._scratch / "load.log")
        try:
            yield
        finally:
            processes.stop(load)

    def worker(self, disk: Path) -> Popen[bytes]:
        """Start it, always under the same identity."""
        environment = {
            "LAM_BROKER": self._bootstrap,
            "LAM_PREFIX": self.settings.prefix,
            "LAM_WORKER_ID": self.settings.identity,
            "LAM_METRICS_PORT": str(self._port),
            "LAM_MASTER_KEY": MASTER_KEY,
            "LAM_STATE_DIR": str(disk),
        }
        return processes.spawn(LAMSTREAM.command, log=self.log, env=environment)

    def readiness(self) -> dict[str, Any] | None:
        """What `/readyz` says, with `ready`; None where nobody answers."""
        found = self._get("readyz")
        return None if found is None else {**json.loads(found[1]), "ready": found[0] == 200}

    def metric(self, name: str) -> float:
        """The sum of a metric's samples."""
        _, text = self._get("metrics") or (0, b"")
        families = text_string_to_metric_families(text.decode())
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def waiting(self) -> int:
        """Records of the input that the group has not committed."""
        return sum(one.lag for one in lags(self.settings) if one.topic == self.settings.prefix + INPUT)

    def committed(self) -> int:
        """Records of the input that it has."""
        return sum(one.committed or 0 for one in lags(self.settings) if one.topic == self.settings.prefix + INPUT)

    def _get(self, path: str) -> tuple[int, bytes] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{path}", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return None


def come_back(j1: J1, disk: Path, source: str) -> tuple[Popen[bytes], Ready]:
    """Start the worker, and see how it gets ready and catches up. Raises KafkaFailed where it does not."""
    process, began = j1.worker(disk), time.monotonic()

    def since(limit_s: float, what: object) -> float:
        now = time.monotonic() - began
        if process.poll() is not None or now > limit_s:
            found = f"after {now:.0f} s (status {process.poll()}): {what}"
            raise KafkaFailed(f"the worker is not there yet {found}\n{processes.tail(j1.log)}")
        return now

    while (told := j1.readiness()) is None:
        since(READY_LIMIT_S, "it does not answer")
        time.sleep(LOOK_S)
    answered_s, first_ready_s = since(READY_LIMIT_S, told), None
    while not told["ready"]:
        if first_ready_s is None and told["partitions"] > len(told["restoring"]):
            first_ready_s = since(READY_LIMIT_S, told)
        since(READY_LIMIT_S, told)
        time.sleep(LOOK_S)
        told = j1.readiness() or told
    ready_s = since(READY_LIMIT_S, told)
    say(f"{source}: ready after {ready_s:.2f} s")
    records, sessions = j1.metric("lamstream_restored_records_total"), j1.metric("lamstream_state_rows")
    while (waiting := j1.waiting()) > j1.rate:
        since(CAUGHT_UP_LIMIT_S, f"{waiting:,} records wait")
        time.sleep(LOOK_S)
    return process, Ready(
        source=source,
        answered_s=round(answered_s, 2),
        first_ready_s=round(first_ready_s or ready_s, 2),
        ready_s=round(ready_s, 2),
        caught_up_s=round(since(CAUGHT_UP_LIMIT_S, "caught up"), 2),
        log_records=int(records),
        sessions=int(sessions),
    )


def watch(j1: J1, process: Popen[bytes], seconds: float) -> list[int]:
    """The worker's memory while it works. Raises KafkaFailed where it ends."""
    began = told = time.monotonic()
    memory: list[int] = []
    while (now := time.monotonic()) < began + seconds:
        if process.poll() is not None:
            raise KafkaFailed(f"the worker ended with status {process.poll()} after {now - began:.0f} s")
        memory.append(resident_mib(process.pid))
        if now - told >= TELL_S:
            told = now
            say(f"{(now - began) / 60:.0f} minutes: {j1.committed():,} records, {memory[-1]} MiB")
        time.sleep(min(SAMPLE_S, max(0.0, began + seconds - now)))
    return memory


def measure(bootstrap: str, scratch: Path, minutes: float, rate: float) -> Report:
    """All of it."""
    j1 = J1(bootstrap, scratch, rate)
    disk, fresh = scratch / "disk", scratch / "fresh"
    with j1.loaded(60 * minutes + AFTER_S):
        first = j1.worker(disk)
        memory = watch(j1, first, 60 * minutes)
        records = j1.committed()
        first.kill()
        first.wait()
        second, with_disk = come_back(j1, disk, "snapshots")
        say(str(with_disk))
        second.kill()
        second.wait()
        third, without = come_back(j1, fresh, "log alone")
        processes.stop(third)
    return Report(minutes, rate, records, memory, [with_disk, without])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.ready", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long until the kill (default 60)")
    parser.add_argument(
        "--rate", type=float, default=RATE, help=f"records a second of {LoadShape.sessions:,} sessions (default 10,000)"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON only")
    chosen = parser.parse_args()
    try:
        with broker_for_tests() as bootstrap, tempfile.TemporaryDirectory(prefix="lamstream-ready-") as scratch:
            report = measure(bootstrap, Path(scratch), chosen.minutes, chosen.rate)
    except (KafkaUnavailable, KafkaFailed) as error:
        say(str(error))
        return 1
    if not chosen.json:
        print(report)
    print(json.dumps(asdict(report)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
