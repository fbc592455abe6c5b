"""`lam demo`: the whole stream with one command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer

from services.demo.run import Plan, run
from services.replaying import READERS
from topics.errors import ConfigurationError


def demo(
    duration: Annotated[float, typer.Option(help="Seconds of real time.")] = 30.0,
    speed: Annotated[float, typer.Option(help="Seconds of event time a second.")] = 120.0,
    rate: Annotated[float, typer.Option(help="New visits a minute of event time.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same visits.")] = 1,
    kafka: Annotated[Optional[str], typer.Option(help="host:port of a real Kafka; the embedded one without.")] = None,  # noqa: UP045
    input: Annotated[Optional[Path], typer.Option(help="Recorded sessions instead of made ones.")] = None,  # noqa: UP045
    format: Annotated[str, typer.Option(help=f"Of the input: {', '.join(READERS)}.")] = "jsonl",
) -> None:
    """Run a broker, a worker and visitors; show what happens; end with a summary read back from the topics."""
    if format not in READERS:
        raise ConfigurationError(f"--format is {format!r}; expected one of {', '.join(READERS)}")
    print(json.dumps(run(Plan(duration, speed, rate, seed, kafka, input, format))))
