"""`python -m bench.state`: what live sessions cost as state: memory, rows, loads, blocks. Needs no broker."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.behaviour.layout import SESSION_LAYOUT
from schemas.row_layout import Column, RowLayout
from topics.state.column import ColumnState

PARTITIONS = 12
KEYS_OF_LOG = 100_000
"""Sessions whose records a log holds, over all partitions."""
BATCH = 10_000
"""Records of one read of a log."""
BATCHES = 40
DUE_MS = 2**60
SEED = 1
GB = 1e9
OLDER_LAYOUT = RowLayout("session", (*SESSION_LAYOUT.columns[:-1], Column("gone", "<i8", "")), SESSION_LAYOUT.due)

Taken = TypeVar("Taken")


def key(number: int) -> str:
    """A session id of 36 characters."""
    return f"{number:08x}-0000-4000-8000-{number:012x}"


def cpu_s(call: Callable[[], Taken]) -> tuple[float, Taken]:
    """Seconds of this process's CPU time, the steadier figure beside other work, and what the call returned."""
    begin = time.process_time()
    result = call()
    return time.process_time() - begin, result


def memory_gb(name: str = "VmRSS") -> float:
    """Resident memory of this process, or with VmHWM the most there ever was."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (found,) = (line for line in lines if line.startswith(name + ":"))
    return int(found.split()[1]) * 1024 / GB


def touch(state: ColumnState, keys: list[str]) -> None:
    """What a batch does with its rows, as little as it can."""
    numbers = state.row_numbers(pa.array(keys, pa.string()))
    state.rows["due_ms"][numbers] = DUE_MS


def live(sessions: int) -> list[ColumnState]:
    """States of all partitions with so many sessions, which came some at a time."""
    states = [ColumnState(SESSION_LAYOUT) for _ in range(PARTITIONS)]
    for begin in range(0, sessions, BATCH):
        for partition, state in enumerate(states):
            touch(state, [key(number) for number in range(begin + partition, min(sessions, begin + BATCH), PARTITIONS)])
            state.keep()
    return states


def sessions(count: int) -> dict[str, Any]:
    """Memory of so many live sessions, and the time that blocks of all of them take."""
    before = memory_gb()
    states = live(count)
    held = memory_gb() - before
    block_s = load_s = 0.0
    for place, state in enumerate(states):
        took, block = cpu_s(state.block)
        block_s += took
        states[place] = ColumnState(SESSION_LAYOUT)
        load_s += cpu_s(lambda: states[place].load_block(block))[0]  # noqa: B023
    assert sum(map(len, states)) == count
    return {
        "sessions": count,
        "memory_gb": held,
        "estimated_gb": sum(state.memory_bytes for state in states) / GB,
        "most_memory_gb": memory_gb("VmHWM") - before,
        "block_s": block_s,
        "load_block_s": load_s,
    }


def popularity(uniform: bool) -> Iterator[npt.NDArray[np.int64]]:
    """The sessions of one partition's records, a batch at a time."""
    keys = KEYS_OF_LOG // PARTITIONS
    weights = np.ones(keys) if uniform else 1.0 / np.arange(1, keys + 1)
    random = np.random.default_rng(SEED)
    for _ in range(BATCHES):
        yield random.choice(keys, BATCH, p=weights / weights.sum())


def log_of(layout: RowLayout, uniform: bool) -> Iterator[tuple[list[str], list[bytes | None]]]:
    """Batches of one partition's changelog; each record has bytes of its own, as those of a client have."""
    state = ColumnState(layout)
    touch(state, [key(number) for number in range(KEYS_OF_LOG // PARTITIONS)])
    last = dict(zip(*state.changes(), strict=True))
    reserved = [one for one in last if one.startswith("\x00")]
    yield reserved, [last[one] for one in reserved]
    for batch in popularity(uniform):
        keys = [key(number) for number in batch.tolist()]
        yield keys, [bytes(bytearray(last[one] or b"")) for one in keys]


def load_rate(layout: RowLayout, uniform: bool) -> float:
    """Changelog records a CPU-second into the state of one partition."""
    state, records, took = ColumnState(SESSION_LAYOUT), 0, 0.0
    for keys, values in log_of(layout, uniform):
        seconds, _ = cpu_s(lambda: state.load(keys, values))  # noqa: B023
        took += seconds
        records += len(keys)
    return records / took


def span_rates(uniform: bool) -> dict[str, float]:
    """Microseconds a distinct row of a span: finding rows with their pre-images, and making changelog records."""
    state = ColumnState(SESSION_LAYOUT)
    touch(state, [key(number) for number in range(KEYS_OF_LOG // PARTITIONS)])
    state.keep()
    rows, found, made = 0, 0.0, 0.0
    for batch in popularity(uniform):
        keys = pa.array([key(number) for number in batch.tolist()])
        found += cpu_s(lambda: state.row_numbers(keys))[0]  # noqa: B023
        took, changes = cpu_s(state.changes)
        made, rows = made + took, rows + len(changes.keys)
        state.keep()
    return {"row_numbers_us": found / rows * 1e6, "changes_us": made / rows * 1e6}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.state", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000, help="live sessions (default 1,000,000)")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    return parser.parse_args()


def main() -> int:
    chosen = options()
    found: dict[str, Any] = {"row_bytes": SESSION_LAYOUT.dtype.itemsize, **sessions(chosen.sessions)}
    for name, uniform in (("zipf", False), ("uniform", True)):
        found[name] = {
            "records_per_cpu_s": load_rate(SESSION_LAYOUT, uniform),
            "records_of_another_layout_per_cpu_s": load_rate(OLDER_LAYOUT, uniform),
            **span_rates(uniform),
        }
    print(json.dumps(found) if chosen.json else as_text(found))
    return 0


def as_text(found: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [
        f"{found['sessions']:,} sessions of {found['row_bytes']:,} bytes in {PARTITIONS} partitions: "
        f"{found['memory_gb']:.2f} GB (estimated {found['estimated_gb']:.2f}), at most "
        f"{found['most_memory_gb']:.2f} while one partition's block is loaded",
        f"blocks of all: {found['block_s']:.2f} CPU-seconds; loading them: {found['load_block_s']:.2f}",
    ]
    for name in ("zipf", "uniform"):
        rates = found[name]
        lines.append(
            f"{name}: load {rates['records_per_cpu_s']:,.0f} records per CPU-second, of another layout "
            f"{rates['records_of_another_layout_per_cpu_s']:,.0f}; a row of a span: row_numbers "
            f"{rates['row_numbers_us']:.2f} us, changes {rates['changes_us']:.2f} us"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
