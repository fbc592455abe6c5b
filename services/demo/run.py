"""One run of the demo, from an empty broker to the summary."""

from __future__ import annotations

import secrets
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from schemas.errors import LamstreamError
from services.demo.process import WorkerProcess, worker_process
from services.demo.traffic import traffic
from services.demo.watch import Seen, Watcher
from services.publishing import MINUTE_MS, Publisher
from services.replaying import READERS, Timed
from services.warmup import warm_up
from topics.admin import apply
from topics.embedded import LIMITS, PARTITIONS, embedded_broker, make_topics
from topics.lag import lags
from topics.settings import Clock, Guarantee, Settings, load_settings

TELL_S = 0.5
TELL_PLAIN_S = 5.0
QUIET_S = 1.0
SETTLE_S = 120.0
"""How long the worker may take to read everything once nothing more is published."""


class NotSettled(LamstreamError):
    """The worker did not come to the end of what was published."""


@dataclass(frozen=True)
class Plan:
    """What to run: `seconds` of real time at `speed` times the clock, or a recorded file as fast as it goes."""

    seconds: float
    speed: float
    visits_per_minute: float
    seed: int
    kafka: str | None
    input: Path | None
    format: str


def run(plan: Plan) -> dict[str, Any]:
    """Run the demo and return its summary, every figure of it read back from the topics."""
    console = Console(stderr=True)
    with console.status("compiling kernels, which takes half a minute the first time"):
        warm_up()
    with _broker(plan, console) as settings, tempfile.TemporaryDirectory(prefix="lamstream-demo-") as folder:
        environment = {f"LAM_{name.upper()}": str(value) for name, value in _worker_settings(settings).items()}
        with (
            worker_process(environment, Path(folder) / "worker.log") as worker,
            Watcher(settings, contiguous=plan.kafka is None) as watcher,
            _display(console, watcher) as tell,
        ):
            sent = _publish(plan, settings, worker, watcher, tell)
            lag = _settle(settings, worker, watcher, sent, tell)
        watcher.check()
        return _summary(watcher.seen, sent, lag)


@contextmanager
def _broker(plan: Plan, console: Console) -> Iterator[Settings]:
    common: dict[str, Any] = {
        "prefix": f"demo-{secrets.token_hex(4)}-",
        "worker_id": "demo-0",
        "clock": Clock.EVENT,
        "partitions": PARTITIONS,
        "session_timeout_s": 6,
    }
    if plan.kafka is not None:
        settings = load_settings(broker=plan.kafka, guarantee=Guarantee.EXACTLY_ONCE, **common)
        apply(settings)
        console.print(f"Kafka at {plan.kafka}, exactly once, topics {settings.prefix}*")
        yield settings
        return
    with embedded_broker() as bootstrap:
        settings = load_settings(broker=bootstrap, guarantee=Guarantee.AT_LEAST_ONCE, **common)
        make_topics(settings)
        console.print(LIMITS)
        yield settings


def _worker_settings(settings: Settings) -> dict[str, Any]:
    return {
        "broker": settings.broker,
        "prefix": settings.prefix,
        "worker_id": settings.worker_id,
        "guarantee": settings.guarantee.value,
        "clock": settings.clock.value,
        "session_timeout_s": settings.session_timeout_s,
        "partitions": settings.partitions,
        "metrics_port": 0,
    }


def _publish(plan: Plan, settings: Settings, worker: WorkerProcess, watcher: Watcher, tell: Any) -> int:
    publisher = Publisher(settings, "session-event")
    start_ms = int(time.time() * 1000) // MINUTE_MS * MINUTE_MS
    paced = plan.input is None
    end_ms = start_ms + int(plan.seconds * plan.speed * 1000)
    events: Iterable[Timed] = (
        traffic(plan.seed, start_ms, end_ms, plan.visits_per_minute)
        if plan.input is None
        else READERS[plan.format](plan.input)
    )
    began = time.monotonic()

    def keep_pace(at_ms: int) -> None:
        worker.check()
        watcher.check()
        while paced and (ahead := (at_ms - start_ms) / 1000 / plan.speed - (time.monotonic() - began)) > 0:
            tell("publishing")
            time.sleep(min(ahead, TELL_S))

    publisher.replay(events, keep_pace)
    return publisher.sent


def _settle(settings: Settings, worker: WorkerProcess, watcher: Watcher, sent: int, tell: Any) -> int:
    """Wait until the worker read all and nothing more comes out: lag 0 at two readings with no output between."""
    deadline = time.monotonic() + SETTLE_S
    quiet: int | None = None
    while time.monotonic() < deadline:
        worker.check()
        watcher.check()
        tell("draining")
        lag = sum(one.lag for one in lags(settings))
        if lag == 0 and watcher.seen.events == sent:
            if quiet == watcher.seen.outputs:
                return lag
            quiet = watcher.seen.outputs
        time.sleep(QUIET_S)
    raise NotSettled(f"{SETTLE_S:g} s after the last event the worker still lags by {lag} records; see its log")


def _summary(seen: Seen, sent: int, lag: int) -> dict[str, Any]:
    return {
        "published": sent,
        "events": seen.events,
        "folded": seen.folded,
        "unconsented": seen.unconsented,
        "sessions": seen.visits,
        "orders": seen.orders,
        "interventions": dict(sorted(seen.interventions.items())),
        "dead_letters": seen.dead_letters,
        "lag": lag,
    }


@contextmanager
def _display(console: Console, watcher: Watcher) -> Iterator[Any]:
    """A live table on a terminal; elsewhere a line every few seconds."""
    began = time.monotonic()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            yield lambda stage: live.update(_table(stage, time.monotonic() - began, watcher.seen))
        return
    last = [0.0]

    def line(stage: str) -> None:
        if time.monotonic() - last[0] >= TELL_PLAIN_S:
            last[0] = time.monotonic()
            seen = watcher.seen
            print(
                f"{time.monotonic() - began:5.0f} s  {stage}: {seen.events} events, {seen.visits} visits closed, "
                f"interventions {dict(seen.interventions)}",
                file=sys.stderr,
            )

    yield line


def _table(stage: str, seconds: float, seen: Seen) -> Table:
    table = Table(title=f"lamstream demo: {stage}, {seconds:.0f} s", show_header=False)
    table.add_row("events", f"{seen.events:,}  ({seen.events / max(seconds, 1):,.0f}/s)")
    table.add_row("visits closed", f"{seen.visits:,}")
    table.add_row("orders", f"{seen.orders:,}")
    for tier, count in sorted(seen.interventions.items()):
        table.add_row(f"interventions {tier}", f"{count:,}")
    table.add_row("dead letters", f"{seen.dead_letters:,}")
    return table
