"""One run of the demo, from an empty broker to the summary."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
KEY_BYTES = 32


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
            sent = demo.publish(_Parts(worker, watcher, tell))
            lag = demo.settle(_Parts(worker, watcher, tell), sent)
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


@dataclass(frozen=True)
class _Demo:
    plan: Plan
    settings: Settings
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Settings of the worker and of the shop."""
        settings = self.settings
        values: dict[str, Any] = {
            name: getattr(settings, name)
            for name in ("broker", "prefix", "worker_id", "session_timeout_s", "partitions", "master")
        }
        values |= {"guarantee": settings.guarantee.value, "clock": settings.clock.value, "metrics_port": 0}
        values["master_key"] = values.pop("master")
        return {f"LAM_{name.upper()}": str(value) for name, value in values.items()}

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
