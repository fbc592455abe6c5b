"""A soak: a steady load, a fault of every kind in turn, and at the end whether everything took effect once.

`python -m bench.soak --minutes 60`. Workers, driver and verifier are those of the system tests. The report goes to
stdout as JSON, what happens meanwhile and a readable form to stderr.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.progress import say
from deploy.kafka import KafkaServer
from tests.system.calamities import Calamities
from tests.system.crew import Crew, Faults
from tests.system.feeding import Feeding
from tests.system.load import Load
from tests.system.nursery import Nursery
from tests.system.rotation import SETTINGS, conclude
from tests.system.stream import stream_on
from tests.system.verdict import Verdict, verify

WORKERS = 2
SLOTS, POLLED = 12_000, 1_500
LOOK_S = 0.05
SAMPLE_S = 5.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 1 << 20
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


@dataclass(frozen=True)
class Soak:
    """How long (s), how many events a second, a fault every so many seconds, and the seed of everything drawn."""

    seconds: float = 3_600.0
    rate: float = 500.0
    every_s: float = 30.0
    seed: int = 7
    whole: bool = False
    """Recompute each decision and tuple too, which takes as long again and more."""


@dataclass(frozen=True)
class Report:
    """What a soak came to. `memory_mib`: the largest worker's resident memory, sampled every SAMPLE_S.

    `longest_pause_s`: the longest time for which a partition with input waiting committed nothing. `pauses`: those of
    LONG_S (of `tests.system.feeding`) and more, each with its partitions, how long it took and when (s) it ended.
    """

    seed: int
    seconds: float
    records: int
    faults: dict[str, int]
    kills: dict[str, int]
    others: dict[str, int]
    lost: int
    duplicated: int
    wrong: list[str]
    memory_mib: list[int]
    longest_pause_s: float
    pauses: list[dict[str, Any]]

    @property
    def right(self) -> bool:
        """Whether everything took effect once."""
        return not (self.lost or self.duplicated or self.wrong)

    def __str__(self) -> str:
        memory = (
            f"{self.memory_mib[0]} to {self.memory_mib[-1]} MiB {spark(self.memory_mib)}" if self.memory_mib else ""
        )
        return (
            f"{self.records:,} records in {self.seconds:.0f} s, seed {self.seed}\n"
            f"faults: {_listed(self.faults)}\nkills: {_listed(self.kills)}\nothers: {_listed(self.others)}\n"
            f"lost {self.lost}, duplicated {self.duplicated}, wrong {self.wrong or 'nothing'}\n"
            f"memory: {memory}\nlongest pause of a partition: {self.longest_pause_s:.1f} s"
        )


def soak(
    plan: Soak, server: KafkaServer, nursery: Nursery, folder: Path, tell: Callable[[str], None]
) -> tuple[Report, Faults, Verdict]:
    """Run it on a Kafka that is started for it, and ends with it.

    Raises ProcessFailed for a worker that ended otherwise than it was made to.
    """
    settings = {**SETTINGS, "poll_records": POLLED}
    with server as kafka, stream_on(kafka.bootstrap, folder, starting=nursery.worker, **settings) as stream:
        crew, feeding = Crew(stream), Feeding(stream, Load(plan.seed, SLOTS))
        calamities = Calamities(crew, kafka, random.Random(plan.seed))
        memory: list[int] = []
        pauses: list[dict[str, Any]] = []
        feeding.begin()
        crew.begin(WORKERS)
        began = time.monotonic()
        next_fault, next_sample = began + plan.every_s, began + SAMPLE_S
        while (now := time.monotonic()) < began + plan.seconds:
            feeding.keep_pace(plan.rate)
            crew.look()
            if now >= next_fault:
                next_fault += plan.every_s
                kind = calamities.happen()
                tell(f"{now - began:.0f} s: {kind.replace('_', ' ')}; {feeding.fed:,} records, {_logs_of(crew)}")
            for pause in feeding.progress.pauses[len(pauses) :]:
                ended_s = round(pause.ended - began)
                pauses.append({"partitions": pause.partitions, "seconds": pause.seconds, "ended_s": ended_s})
                tell(f"{ended_s} s: partitions {pause.partitions} stood still for {pause.seconds} s")
            if now >= next_sample:
                next_sample += SAMPLE_S
                memory.append(max(resident_mib(life.process.pid) for life in crew.lives))
            time.sleep(LOOK_S)
        conclude(stream, crew, feeding)
        tell("all is read; now it is recomputed")
        verdict = verify(stream.settings, whole=plan.whole, tell=tell)
    report = Report(
        plan.seed,
        time.monotonic() - began,
        verdict.records,
        dict(calamities.counts),
        dict(crew.faults.kills),
        dict(crew.faults.others),
        verdict.lost.total() + max(0, feeding.fed - verdict.records),
        verdict.duplicated.total(),
        verdict.wrong,
        memory,
        round(feeding.progress.longest_pause_s, 1),
        pauses,
    )
    return report, crew.faults, verdict


def resident_mib(pid: int) -> int:
    """Resident memory of a process; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES // MIB
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def spark(values: Sequence[int]) -> str:
    """The values as bars, at most WIDTH of them, each the largest of its share."""
    share = -(-len(values) // WIDTH)
    tops = [max(values[begin : begin + share]) for begin in range(0, len(values), share)]
    highest = max(tops, default=0) or 1
    return "".join(BARS[top * (len(BARS) - 1) // highest] for top in tops)


def _logs_of(crew: Crew) -> str:
    return "logs " + " ".join(sorted(life.process.log.name for life in crew.lives))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(counts.items())) or "none"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description="steady load, a fault now and then")
    parser.add_argument("--minutes", type=float, default=Soak.seconds / 60)
    parser.add_argument("--rate", type=float, default=Soak.rate, help="session events a second")
    parser.add_argument("--every", type=float, default=Soak.every_s, help="seconds from one fault to the next")
    parser.add_argument("--seed", type=int, default=Soak.seed)
    parser.add_argument("--whole", action="store_true", help="recompute each decision and tuple too: as long again")
    parser.add_argument("--keep", type=Path, help="an empty folder for the workers' logs and snapshots")
    options = parser.parse_args()
    # Its own clients lose their brokers over and over; that is told as what happened.
    logging.getLogger("librdkafka").setLevel(logging.CRITICAL)
    plan = Soak(options.minutes * 60, options.rate, options.every, options.seed, options.whole)
    say(f"seed {plan.seed}, {plan.seconds:.0f} s, a fault every {plan.every_s:g} s")
    with Nursery() as nursery, tempfile.TemporaryDirectory(prefix="lamstream-soak-") as passing:
        folder = options.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        report, _, _ = soak(plan, KafkaServer(), nursery, folder, say)
    say(str(report))
    print(json.dumps(asdict(report)))
    sys.exit(0 if report.right else 1)


if __name__ == "__main__":
    main()
