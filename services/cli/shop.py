"""`lam shop`: a simulated shop that publishes its visits and containers, and hears interventions."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from models.shop.config import ShopConfig
from services.publishing import MINUTE_MS
from services.shop import Plan, run
from topics.errors import ConfigurationError
from topics.settings import load_settings


def shop(
    truth: Annotated[Path, typer.Option(help="Folder for what is true of the shop: totals, visits, containers.")],
    duration: Annotated[float, typer.Option(help="Seconds of real time during which visitors come.")] = 30.0,
    speed: Annotated[float, typer.Option(help="Seconds of event time a second.")] = 120.0,
    rate: Annotated[float, typer.Option(help="New visits a minute of event time.")] = 60.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same visitors.")] = 1,
) -> None:
    """Publish a shop's visits, mutations and tombstones; hear interventions; write down the truth.

    Workers must run with LAM_CLOCK=event. Ends with one line of JSON: what was sent.
    """
    if duration <= 0 or speed <= 0:
        raise ConfigurationError(f"--duration is {duration:g} and --speed {speed:g}; expected more than 0")
    try:
        config = ShopConfig(seed=seed, visits_per_minute=rate)
    except ValueError as problem:
        raise ConfigurationError(f"--rate or --seed: {problem}") from None
    start_ms = int(time.time() * 1000) // MINUTE_MS * MINUTE_MS
    print(json.dumps(run(Plan(duration, speed, config, start_ms, truth), load_settings())))
