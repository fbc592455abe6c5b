"""`python -m bench.scoring`: rows a second through the scorer by batch size, on the CPU and on a GPU."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.behaviour.moment import INPUTS
from models.serving import Scorer, default_release
from models.serving.errors import ModelRefused
from models.serving.scorer import PROVIDER_TOLERANCE
from models.serving.session import cuda_available

BATCHES = (16, 100, 256, 1024, 5000)
ROUNDS = 7
ROUND_S = 0.2
SEED = 1


def features(rows: int) -> npt.NDArray[np.float32]:
    """`float32[rows, 128]`: counts and seconds of every size, a few never."""
    random = np.random.default_rng(SEED)
    drawn = random.lognormal(sigma=2.0, size=(rows, len(INPUTS)))
    return np.where(random.random(drawn.shape) < 0.1, -1.0, np.floor(drawn)).astype(np.float32)


class Rates(NamedTuple):
    """Rows a second of the clock, and a second of this process's CPU time: the steadier figure beside other work."""

    rows_per_s: int
    rows_per_cpu_s: int


def rates(scorer: Scorer, rows: int) -> Rates:
    """The medians of a few rounds."""
    batch = features(rows)
    rounds = [_round(scorer, batch) for _ in range(ROUNDS)]
    return Rates(*(round(median(figures)) for figures in zip(*rounds, strict=True)))


def _round(scorer: Scorer, batch: npt.NDArray[np.float32]) -> tuple[float, float]:
    calls, begin, cpu_begin = 0, time.perf_counter(), time.process_time()
    while (took := time.perf_counter() - begin) < ROUND_S:
        scorer.score(batch)
        calls += 1
    return calls * len(batch) / took, calls * len(batch) / (time.process_time() - cpu_begin)


def measured(scorer: Scorer) -> dict[str, Any]:
    """What one scorer does."""
    return {
        "provider": scorer.provider,
        "fell_back": scorer.fell_back,
        "exact": scorer.exact,
        "chunk_rows": list(scorer.chunk_rows),
        "batches": {str(rows): rates(scorer, rows)._asdict() for rows in BATCHES},
    }


def furthest_apart(one: Scorer, other: Scorer) -> float:
    """The largest absolute difference of any score of the same rows."""
    rows = features(max(BATCHES))
    pairs = zip(one.score(rows), other.score(rows), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.scoring", description=__doc__)
    parser.add_argument("--release", type=Path, default=None, help="folder of a release (default: the newest here)")
    parser.add_argument("--threads", type=int, default=1, help="threads of the CPU (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    folder = chosen.release or default_release()
    try:
        on_cpu = Scorer(folder, threads=chosen.threads, cuda=False)
        on_gpu = Scorer(folder, threads=chosen.threads, cuda=True) if cuda_available() else None
    except ModelRefused as refused:
        print(refused, file=sys.stderr)
        return 1
    found: dict[str, Any] = {"release": f"{on_cpu.manifest.name} {on_cpu.version}", "threads": chosen.threads}
    found["scorers"] = [measured(scorer) for scorer in (on_cpu, on_gpu) if scorer]
    found["furthest_apart"] = furthest_apart(on_cpu, on_gpu) if on_gpu else None
    found["tolerance"] = PROVIDER_TOLERANCE
    print(json.dumps(found) if chosen.json else as_text(found))
    return 0 if (found["furthest_apart"] or 0.0) <= PROVIDER_TOLERANCE else 1


def as_text(found: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{found['release']}, {found['threads']} thread(s) on the CPU"]
    for scorer in found["scorers"]:
        told = " (a GPU was asked for and did not load)" if scorer["fell_back"] else ""
        lines.append(f"{scorer['provider']}{told}, chunks of {scorer['chunk_rows']} rows, exact: {scorer['exact']}")
        lines.extend(
            f"  {rows:>6} rows at once: {rate['rows_per_s']:>10,} rows/s, {rate['rows_per_cpu_s']:>10,} per CPU-second"
            for rows, rate in scorer["batches"].items()
        )
    apart = found["furthest_apart"]
    lines.append(
        "one provider here: nothing to compare"
        if apart is None
        else f"scores lie at most {apart:.2e} apart (tolerance {found['tolerance']:g})"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
