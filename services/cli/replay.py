"""`lam replay`: recorded sessions through the stream, on the clock of the records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.publishing import Publisher
from services.replaying import READERS, Timed
from topics.errors import ConfigurationError
from topics.settings import Settings, load_settings


def replay(
    file: Path,
    format: Annotated[str, typer.Option(help=f"One of {', '.join(READERS)}.")] = "jsonl",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Publish FILE as session events, with a watermark every minute of event time and one at the end that closes all.

    Workers must run with LAM_CLOCK=event.
    """
    if format not in READERS:
        raise ConfigurationError(f"--format is {format!r}; expected one of {', '.join(READERS)}")
    events = READERS[format](file)
    sent = publish_replay(load_settings(), events)
    if as_json:
        print(json.dumps({"events": sent, "first_ms": events[0].at_ms, "last_ms": events[-1].at_ms}))
    else:
        print(f"published {sent} events", file=sys.stderr)


def publish_replay(settings: Settings, events: list[Timed]) -> int:
    """Publish events in their order, with watermarks; returns how many events.

    Raises ConfigurationError where there is nothing to publish, UnfitRecord for an event that does not fit its schema.
    """
    if not events:
        raise ConfigurationError("there is nothing to replay: the file holds no events")
    publisher = Publisher(settings, "session-event")
    publisher.replay(events)
    return publisher.sent
