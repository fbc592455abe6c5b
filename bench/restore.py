"""How fast state comes back: `python -m bench.restore`, on real Kafka.

Fills the changelog of live sessions, 12 partitions, with rows of a shop's visits (a few hundred folded from events; the
rest copies of these under other keys, with other times), in spans of 1,000 rows a partition, one transaction each.
Then measures, each in a process of its own: a restore from the log alone; one from snapshots of all sessions. Ready is
when the last partition is whole, counted from where a worker begins its restores.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from bench.progress import say
from bench.session_rows import SPREAD_MS, Rows, session_rows
from deploy.kafka import KafkaFailed, KafkaUnavailable, broker_for_tests
from models.behaviour.layout import SESSION_LAYOUT
from services.cli.worker import collect_less
from topics.clients import admin_client, producer
from topics.log_end import ask_changelogs
from topics.settings import Settings, load_settings
from topics.state import snapshot
from topics.state.column import ColumnState
from topics.state.restore import Restore, restore_all
from topics.state.snapshot import Head, LogPosition
from topics.table import TOPICS, changelog_name
from topics.transport.committer import produce
from topics.transport.outbox import changelog_records

PARTITIONS = 12
SPAN_ROWS = 1_000
TEMPLATES = 300
ANSWER_TIMEOUT_S = 60.0
STATE = "session"


@dataclass(frozen=True)
class Restored:
    """What one restore came to. `rss_mib` is the highest of its process, `cpu_s` what it used of both cores."""

    source: str
    sessions: int
    log_records: int
    ready_s: float
    first_ready_s: float
    log_records_per_s: float
    cpu_s: float
    rss_mib: float


def settings_of(bootstrap: str, prefix: str, state_dir: Path) -> Settings:
    return load_settings(broker=bootstrap, prefix=prefix, worker_id="bench", state_dir=state_dir)


def filled(settings: Settings, sessions: int, records: int, seed: int) -> Iterator[tuple[int, ColumnState]]:
    """Write the changelog; yields each partition with the state that it holds then."""
    admin, spec = admin_client(settings), TOPICS[changelog_name(STATE)]
    topic = settings.prefix + spec.name
    made = admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=spec.config())])
    made[topic].result(ANSWER_TIMEOUT_S)
    writer = producer(settings, transactional_id=f"{settings.prefix}fill")
    writer.init_transactions(ANSWER_TIMEOUT_S)
    templates, rng = session_rows(TEMPLATES, seed), np.random.default_rng(seed)
    for number in range(PARTITIONS):
        state = ColumnState(SESSION_LAYOUT)
        keys = pa.array([uuid.UUID(bytes=rng.bytes(16)).hex for _ in range(sessions // PARTITIONS)])
        # Every session once, then whichever comes.
        rest = max(0, records // PARTITIONS - len(keys))
        order = np.concatenate([np.arange(len(keys)), rng.integers(0, len(keys), rest)])
        for begin in range(0, len(order), SPAN_ROWS):
            some = np.unique(order[begin : begin + SPAN_ROWS])
            _touch(state, keys.take(pa.array(some)), templates, rng)
            _commit(writer, topic, state, number)
        yield number, state


def _touch(state: ColumnState, keys: pa.Array, templates: Rows, rng: np.random.Generator) -> None:
    numbers = state.row_numbers(keys)
    rows = templates[rng.integers(0, len(templates), len(numbers))]
    later = rng.integers(0, SPREAD_MS, len(numbers))
    rows["start_ms"] += later
    rows["due_ms"] += later
    rows["event_ids"] = rng.integers(0, 2**63, rows["event_ids"].shape, np.uint64)
    state.rows[numbers] = rows


def _commit(writer: Producer, topic: str, state: ColumnState, number: int) -> None:
    writer.begin_transaction()
    produce(writer, {topic: changelog_records(*state.changes(), number)})
    writer.commit_transaction(ANSWER_TIMEOUT_S)
    state.keep()


def write_snapshot(settings: Settings, number: int, state: ColumnState) -> int:
    """The snapshot of a partition at the end of its changelog; its size in bytes."""
    topic = settings.prefix + changelog_name(STATE)
    log = ask_changelogs(settings, [(topic, number)])[(topic, number)]
    head = Head("live", number, time.time(), 0, {}, {STATE: LogPosition(topic, log.topic_id, log.end)})
    path = snapshot.path_of(snapshot.folder(settings, log.cluster_id), "live", number)
    return snapshot.write(path, head, {STATE: state.block()})


def restored(settings: Settings, source: str) -> Restored:
    """Restore every partition in this process."""
    topic = settings.prefix + changelog_name(STATE)
    restores = [
        Restore(
            group="live",
            partition=number,
            changelogs={STATE: topic},
            states={STATE: ColumnState(SESSION_LAYOUT)},
            fresh=lambda _: ColumnState(SESSION_LAYOUT),
            has_offsets=True,
            built_on={},
            gone=lambda: False,
        )
        for number in range(PARTITIONS)
    ]
    collect_less()  # as a worker does
    began, cpu = time.perf_counter(), time.process_time()
    ready = [time.perf_counter() - began for _ in restore_all(settings, restores, lambda _: None)]
    cpu = time.process_time() - cpu
    records = sum(one.restored.records for one in restores)
    return Restored(
        source=source,
        sessions=sum(len(state) for one in restores for state in one.states.values()),
        log_records=records,
        ready_s=round(ready[-1], 2),
        first_ready_s=round(ready[0], 2),
        log_records_per_s=round(records / ready[-1]),
        cpu_s=round(cpu, 2),
        rss_mib=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    )


def in_a_process(settings: Settings, source: str) -> Restored:
    """The same in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-m", "bench.restore", "--child", source, settings.broker, settings.prefix]
    done = subprocess.run([*command, str(settings.state_dir)], check=True, capture_output=True, text=True)
    return Restored(**json.loads(done.stdout))


def table(rows: list[Restored], snapshot_mib: float, write_s: float) -> str:
    lines = [
        f"{one.source:<9} {one.sessions:>9,} sessions {one.log_records:>10,} log records "
        f"{one.log_records_per_s:>9,}/s   ready in {one.ready_s:6.2f} s (first {one.first_ready_s:.2f} s), "
        f"{one.cpu_s:.1f} CPU-s, {one.rss_mib:,.0f} MiB"
        for one in rows
    ]
    return "\n".join([*lines, f"snapshots: {snapshot_mib:,.0f} MiB, written in {write_s:.1f} s"])


def measure(bootstrap: str, sessions: int, records: int, seed: int) -> tuple[list[Restored], float, float]:
    prefix = f"bench-{uuid.uuid4().hex[:8]}-restore-"
    with tempfile.TemporaryDirectory(prefix="lamstream-bench-") as place:
        empty, full = (settings_of(bootstrap, prefix, Path(place) / name) for name in ("empty", "full"))
        try:
            say(f"writing {max(sessions, records):,} rows of {sessions:,} sessions")
            size, seconds = 0, 0.0
            for number, state in filled(empty, sessions, records, seed):
                began = time.perf_counter()
                size += write_snapshot(full, number, state)
                seconds += time.perf_counter() - began
            rows = [in_a_process(empty, "log"), in_a_process(full, "snapshot")]
        finally:
            admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
            topic = prefix + changelog_name(STATE)
            admin.delete_topics([topic])[topic].result(ANSWER_TIMEOUT_S)
    return rows, size / 2**20, seconds


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.restore", description=__doc__)
    parser.add_argument("--sessions", type=int, default=100_000, help="live sessions (default 100,000)")
    parser.add_argument("--records", type=int, help="rows in the changelog (default twice the sessions)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the rows (default 1)")
    parser.add_argument("--json", action="store_true", help="print a line of JSON only")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    chosen = options()
    if chosen.child:
        source, bootstrap, prefix, state_dir = chosen.child
        print(json.dumps(asdict(restored(settings_of(bootstrap, prefix, Path(state_dir)), source))))
        return 0
    try:
        with broker_for_tests() as bootstrap:
            rows, mib, seconds = measure(bootstrap, chosen.sessions, chosen.records or 2 * chosen.sessions, chosen.seed)
    except (KafkaUnavailable, KafkaFailed) as error:
        say(str(error))
        return 1
    if chosen.json:
        told = {"restores": [asdict(one) for one in rows], "snapshot_mib": round(mib, 1), "write_s": round(seconds, 2)}
        print(json.dumps(told))
    else:
        print(table(rows, mib, seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())
