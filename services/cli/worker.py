"""`lam worker`: one process of the stream."""

from __future__ import annotations

import logging

from topics.admin import refuse_missing_or_different, report
from topics.settings import load_settings


def worker(loglevel: str = "INFO") -> None:
    """Run one worker until it is told to stop; it commits what is open and leaves."""
    settings = load_settings()
    identity = settings.identity
    if settings.exactly_once:
        refuse_missing_or_different(report(settings))
    # The agents read the settings when they are imported, so this import must follow the checks above.
    import agents.live  # noqa: F401
    from agents.app import app

    _warm_up()
    logging.getLogger("librdkafka").setLevel(logging.WARNING)
    logging.getLogger(__name__).info("worker %s", identity)
    app.Worker(loglevel=loglevel, redirect_stdouts=False, quiet=True).execute_from_commandline()


def _warm_up() -> None:
    """Compile the kernels before any partition waits for them."""
    from models.behaviour.warmup import compile as compile_kernels

    compile_kernels()
