"""One run of the demo, from an empty broker to the summary."""

from __future__ import annotations

import secrets
import socket
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from schemas.errors import LamstreamError
from schemas.vocabulary import TIERS
from services.demo.display import Tell, display
from services.demo.process import LamProcess, lam_process
from services.demo.truth import agreement
from services.demo.watch import Seen, Watcher
from services.publishing import Publisher
from services.replaying import READERS
from services.warmup import warm_up
from topics.admin import apply
from topics.embedded import LIMITS, PARTITIONS, embedded_broker, make_topics
from topics.lag import lags
from topics.settings import Clock, Guarantee, Settings, load_settings

LOOK_S = 0.25
"""How often what is seen is shown."""
LAG_EVERY_S = 2.0
"""How often the broker is asked for the lag while records flow."""
QUIET_S = 1.0
"""Two readings of no lag so far apart, with no output between, are the end."""
SETTLE_S = 120.0
"""How long the worker may take to read everything once nothing more is published."""
READY_S = 120.0
KEY_BYTES = 32
LOOPBACK = "127.0.0.1"


class NotSettled(LamstreamError):
    """The worker did not come to the end of what was published."""


@dataclass(frozen=True)
class Plan:
    """What to run: a shop for `seconds` at `speed` times the clock, or a recorded file as fast as it goes."""

    seconds: float
    speed: float
    visits_per_minute: float
    seed: int
    kafka: str | None
    input: Path | None
    format: str


def run(plan: Plan) -> dict[str, Any]:
    """Run the demo and return its summary, every figure of it read back from the topics.

    Raises Disagreement where that is not what the shop says is true, NotSettled where the worker does not come to the
    end, ProcessFailed where the worker or the shop fails.
    """
    console = Console(stderr=True)
    with console.status("compiling kernels, which takes a minute the first time"):
        warm_up()
    with _broker(plan, console) as settings, tempfile.TemporaryDirectory(prefix="lamstream-demo-") as name:
        demo = _Demo(plan, settings, Path(name))
        with (
            lam_process(["worker"], demo.environment, demo.folder / "worker.log") as worker,
            Watcher(settings, contiguous=plan.kafka is None) as watcher,
            display(console, watcher.seen) as tell,
        ):
            parts = _Parts(worker, watcher, tell)
            demo.await_worker(parts)
            sent = demo.publish(parts)
            lag = demo.settle(parts, sent)
        watcher.check()
        if plan.input is None:
            agreement(demo.folder, watcher.seen)
        return _summary(watcher.seen, sent, lag)


@dataclass(frozen=True)
class _Parts:
    """What runs while the demo does."""

    worker: LamProcess
    watcher: Watcher
    tell: Tell

    def check(self) -> None:
        """Raises what ended one of them."""
        self.worker.check()
        self.watcher.check()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class _Demo:
    plan: Plan
    settings: Settings
    folder: Path
    metrics_port: int = field(default_factory=_free_port)

    @property
    def environment(self) -> dict[str, str]:
        """Settings of the worker and of the shop."""
        settings = self.settings
        values: dict[str, Any] = {
            name: getattr(settings, name)
            for name in ("broker", "prefix", "worker_id", "session_timeout_s", "partitions", "master")
        }
        values |= {
            "guarantee": settings.guarantee.value,
            "clock": settings.clock.value,
            "metrics_port": self.metrics_port,
            "state_dir": self.folder / "state",
        }
        values["master_key"] = values.pop("master")
        return {f"LAM_{name.upper()}": str(value) for name, value in values.items()}

    def await_worker(self, parts: _Parts) -> None:
        """Wait until the worker joined its group and every partition is whole. Raises NotSettled."""
        deadline = time.monotonic() + READY_S
        while not _ready(self.metrics_port):
            parts.check()
            parts.tell("the worker starts", None)
            if time.monotonic() > deadline:
                raise NotSettled(f"the worker was not ready within {READY_S:g} s; see its log")
            time.sleep(LOOK_S)

    def publish(self, parts: _Parts) -> dict[str, int]:
        """Let the shop run its time, or send the file; returns the records sent by topic."""
        if self.plan.input is not None:
            return self._replay(self.plan.input, parts)
        plan = self.plan
        command = ["shop", "--truth", str(self.folder), "--duration", f"{plan.seconds:g}", "--speed", f"{plan.speed:g}"]
        command += ["--rate", f"{plan.visits_per_minute:g}", "--seed", str(plan.seed)]
        with lam_process(command, self.environment, self.folder / "shop.log") as shop:
            asked = 0.0
            while not shop.ended():
                parts.check()
                lag = None
                if time.monotonic() - asked > LAG_EVERY_S:
                    asked, lag = time.monotonic(), _lag(self.settings)
                parts.tell("the shop is open", lag)
                time.sleep(LOOK_S)
        return dict(shop.told()["sent"])

    def _replay(self, file: Path, parts: _Parts) -> dict[str, int]:
        publisher = Publisher(self.settings, "session-event")

        def look(_at_ms: int) -> None:
            parts.check()
            parts.tell("publishing", None)

        publisher.replay(READERS[self.plan.format](file), look)
        return {"session-event": publisher.sent}

    def settle(self, parts: _Parts, sent: dict[str, int]) -> int:
        """Wait until the worker read all and nothing more comes out."""
        seen = parts.watcher.seen
        deadline, lag, quiet = time.monotonic() + SETTLE_S, 0, -1
        while time.monotonic() < deadline:
            parts.check()
            lag = _lag(self.settings)
            parts.tell("the shop is closed, draining", lag)
            if lag == 0 and all(seen.records[topic] == number for topic, number in sent.items()):
                if quiet == seen.outputs:
                    return lag
                quiet = seen.outputs
            time.sleep(QUIET_S)
        raise NotSettled(f"{SETTLE_S:g} s after the last event the worker still lags by {lag} records; see its log")


def _ready(port: int) -> bool:
    """Whether a worker whose metrics are at this port says that it is ready."""
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/readyz", timeout=QUIET_S):
            return True
    except OSError:
        return False


def _lag(settings: Settings) -> int:
    return sum(one.lag for one in lags(settings))


@contextmanager
def _broker(plan: Plan, console: Console) -> Iterator[Settings]:
    common: dict[str, Any] = {
        "prefix": f"demo-{secrets.token_hex(4)}-",
        "worker_id": "demo-0",
        "clock": Clock.EVENT,
        "partitions": PARTITIONS,
        "session_timeout_s": 6,
        "master_key": secrets.token_hex(KEY_BYTES),
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


def _summary(seen: Seen, sent: dict[str, int], lag: int) -> dict[str, Any]:
    return {
        "events": seen.events,
        "sessions": seen.visits,
        "decisions": len(seen.decisions),
        "interventions": {tier: seen.interventions[tier] for tier in TIERS if seen.interventions[tier]},
        "no_op": seen.results["no_op"],
        "holdout": seen.results["holdout"],
        "rewards": seen.rewards,
        "tuples": len(seen.tuples),
        "dead_letters": seen.dead_letters,
        "lag": lag,
        "orders": seen.orders,
        "folded": seen.folded,
        "unconsented": seen.unconsented,
        "published": sent,
    }
