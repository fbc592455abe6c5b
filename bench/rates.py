"""From samples of progress to rates, and from latencies to percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple


class Sample(NamedTuple):
    """What was seen at one moment."""

    at_s: float
    committed: int  # sum of the group's committed offsets
    cpu_s: float  # CPU time used so far


class Throughput(NamedTuple):
    records_per_s: float
    records_per_cpu_s: float
    window_s: float


class TooFewCommits(ValueError):
    """The group's offsets moved less than twice inside the window, so that there is no rate."""


def throughput(samples: Sequence[Sample]) -> Throughput:
    """The rate from the first commit seen to the last one.

    Offsets move in steps, a commit interval apart. Between two moments just after a commit, records and time belong
    together; between two arbitrary ones up to an interval's worth is counted in the one and not in the other.
    """
    steps = [now for before, now in pairwise(samples) if now.committed != before.committed]
    if len(steps) < 2:
        raise TooFewCommits(f"offsets moved {len(steps)} times in {len(samples)} samples; a rate needs 2")
    first, last = steps[0], steps[-1]
    records, seconds, cpu_s = last.committed - first.committed, last.at_s - first.at_s, last.cpu_s - first.cpu_s
    return Throughput(records / seconds, records / max(cpu_s, 0.01), seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def medians(rounds: Sequence[Throughput]) -> Throughput:
    """The median of each figure over the rounds."""
    return Throughput(*(median(figures) for figures in zip(*rounds, strict=True)))


def latency_rate(sustained: float, wanted: float = 20_000.0, share: float = 0.8) -> float:
    """The rate at which latency is measured: the one wanted, or what leaves some room to a subject that is slower.

    Rounded down to two digits, so that repeated runs use the same one.
    """
    if sustained * share >= wanted:
        return wanted
    rate = int(sustained * share)
    step = 10 ** max(0, len(str(rate)) - 2)
    return float(max(1, rate // step * step))
