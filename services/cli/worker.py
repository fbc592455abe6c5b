"""`lam worker`: one process of the stream."""

from __future__ import annotations

import sys

from services.health import served
from services.warmup import warm_up
from topics.admin import refuse_missing_or_different, report
from topics.settings import load_settings


def worker(loglevel: str = "INFO") -> None:
    """Run one worker until it is told to stop; it commits what is open and leaves."""
    settings = load_settings()
    identity, _ = settings.identity, settings.master
    if settings.exactly_once:
        refuse_missing_or_different(report(settings))
    # The agents read the settings when they are imported, so this import must follow the checks above.
    from agents import assembly, live, posteriors, sites  # noqa: F401
    from agents.app import app

    with served(settings, app.standing) as address:
        print(f"worker {identity}: {'no metrics' if address is None else f'{address}/metrics'}", file=sys.stderr)
        print("compiling kernels, or loading what was compiled before", file=sys.stderr)
        warm_up()
        app.meter.turned()
        app.Worker(loglevel=loglevel, redirect_stdouts=False, quiet=True).execute_from_commandline()
