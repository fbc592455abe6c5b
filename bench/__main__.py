"""`python -m bench`: the standard job here, in stock Faust, and its floor, on real Kafka."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bench.load import write_ahead
from bench.measure import Plan, SubjectFailed, measure_latency, measure_throughput, prepare
from bench.progress import say
from bench.rates import Throughput, latency_rate, medians, percentile
from bench.report import Row, json_line, table
from bench.sites import outcome, publish_sites
from bench.subjects import INPUT, SUBJECTS, Subject
from bench.topics import make_topics, remove_topics
from deploy.kafka import KafkaFailed, KafkaUnavailable, broker_for_tests

FULL = Plan()
SHORT = Plan(warmup_s=3.0, window_s=5.0, backlog=1_000_000)


@contextmanager
def fresh_topics(bootstrap: str, subjects: list[Subject], label: str) -> Iterator[str]:
    """The prefix of topics made for one run and removed after it."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}-{label}-"
    try:
        for subject in subjects:
            prepare(subject, bootstrap, prefix)
        make_topics(bootstrap, prefix)
        if any(subject.decides_for_sites for subject in subjects):
            publish_sites(bootstrap, prefix)
        yield prefix
    finally:
        remove_topics(bootstrap, prefix)


def throughput_rounds(
    bootstrap: str, subjects: list[Subject], plan: Plan, rounds: int, seed: int
) -> dict[str, list[Throughput]]:
    """Every subject once a round, so that what the machine does besides hits all of them alike."""
    results: dict[str, list[Throughput]] = {subject.name: [] for subject in subjects}
    for number in range(1, rounds + 1):
        with fresh_topics(bootstrap, subjects, f"r{number}") as prefix:
            say(f"round {number} of {rounds}: writing {plan.backlog:,} records ahead")
            written = write_ahead(bootstrap, prefix + INPUT, plan.backlog, seed + number)
            for subject in subjects:
                result = measure_throughput(subject, bootstrap, prefix, written, plan)
                results[subject.name].append(result)
                say(
                    f"  {subject.name}: {result.records_per_s:,.0f} records/s, "
                    f"{result.records_per_cpu_s:,.0f} per CPU-second, over {result.window_s:.0f} s"
                )
                if subject.decides_for_sites:
                    say(f"    {outcome(bootstrap, prefix)}")
    return results


def latency_row(bootstrap: str, subject: Subject, figures: Throughput, plan: Plan) -> Row:
    """One run of its own, at 20,000 records a second or at what the subject sustains."""
    rate = latency_rate(figures.records_per_s)
    say(f"latency of {subject.name} at {rate:,.0f} records/s")
    with fresh_topics(bootstrap, [subject], "latency") as prefix:
        waited = measure_latency(subject, bootstrap, prefix, rate, plan)
    p50, p99 = (percentile(waited, 0.50), percentile(waited, 0.99)) if waited else (None, None)
    say(f"  p50 {p50:,.0f} ms, p99 {p99:,.0f} ms of {len(waited):,} outputs" if waited else "  no output in the window")
    return Row(subject.name, *figures[:2], p50, p99, figures.window_s, rate, len(waited))


def measure(bootstrap: str, subjects: list[Subject], plan: Plan, rounds: int, seed: int) -> list[Row]:
    """All figures of all subjects."""
    results = throughput_rounds(bootstrap, subjects, plan, rounds, seed)
    return [latency_row(bootstrap, subject, medians(results[subject.name]), plan) for subject in subjects]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a small backlog, windows of 5 s, one round")
    parser.add_argument("--json", action="store_true", help="print the line of JSON only")
    parser.add_argument("--only", action="append", choices=[s.name for s in SUBJECTS], help="this subject (repeatable)")
    parser.add_argument("--rounds", type=int, help="rounds (default 3; 1 with --short)")
    parser.add_argument("--backlog", type=int, help=f"records written ahead (default {FULL.backlog:,})")
    parser.add_argument("--seed", type=int, default=1, help="seed of the load (default 1)")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    plan = SHORT if chosen.short else FULL
    if chosen.backlog:
        plan = replace(plan, backlog=chosen.backlog)
    wanted = [s for s in SUBJECTS if not chosen.only or s.name in chosen.only]
    subjects = [s for s in wanted if s.available]
    for subject in wanted:
        if not subject.available:
            say(f"{subject.name} is left out: its command is not here")
    try:
        with broker_for_tests() as bootstrap:
            rows = measure(bootstrap, subjects, plan, chosen.rounds or (1 if chosen.short else 3), chosen.seed)
    except (KafkaUnavailable, KafkaFailed, SubjectFailed) as error:
        say(str(error))
        return 1
    if not chosen.json:
        print(table(rows))
    print(json_line(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
