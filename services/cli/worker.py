"""`lam worker`: one process of the stream; `lam worker drain` ends one for good."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import Annotated

import typer

from services.cli.drain import drain
from services.draining import Draining
from services.health import served
from services.warmup import warm_up
from topics.admin import refuse_missing_or_different, report
from topics.settings import load_settings

GC_THRESHOLDS = (50_000, 20, 100)
"""Objects made, less those freed, until the young are looked through; how often of these the older, and the oldest."""


worker = typer.Typer()
worker.command(name="drain")(drain)


@worker.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    loglevel: Annotated[str, typer.Option(help="Least level of what is logged.")] = "INFO",
) -> None:
    """Run one worker until it is told to stop; it commits what is open, and the group keeps its place for a while."""
    if context.invoked_subcommand is not None:
        return
    settings = load_settings()
    identity, _ = settings.identity, settings.master
    if settings.exactly_once:
        refuse_missing_or_different(report(settings))
    # The agents read the settings when they are imported, so this import must follow the checks above.
    from agents import assembly, live, posteriors, sites  # noqa: F401
    from agents.app import app

    draining = Draining(settings, app, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with served(settings, app.standing, draining) as address:
        print(f"worker {identity}: {'no metrics' if address is None else f'{address}/metrics'}", file=sys.stderr)
        print("compiling kernels, or loading what was compiled before", file=sys.stderr)
        warm_up()
        app.meter.turned()
        collect_less()
        app.Worker(loglevel=loglevel, redirect_stdouts=False, quiet=True).execute_from_commandline()


def collect_less() -> None:
    """Look for cycles of garbage seldom, and never among what is there already.

    A span makes thousands of records that reference counts free; by default each of its commits is looked through
    several times, and with it all that Faust and the agents hold.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
