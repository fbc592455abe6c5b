"""Recorded sessions as session events, for replays on the event clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from topics.errors import ConfigurationError

OTTO_TYPES = {
    "clicks": ("view_item", "product"),
    "carts": ("add_to_cart", "product"),
    "orders": ("purchase", "checkout"),
}
"""Event type and page type of each of OTTO's actions."""


class Timed(NamedTuple):
    """An event and when it happened, ms since the epoch."""

    at_ms: int
    event: dict[str, Any]


def otto_events(path: Path) -> list[Timed]:
    """The sessions of an OTTO file (JSON lines: `session`, `events[{aid, ts, type}]`), in order of time.

    Raises ConfigurationError naming the line that cannot be read.
    """
    events = [timed for number, line in _lines(path) for timed in _otto_session(path, number, line)]
    return sorted(events, key=lambda timed: timed.at_ms)


def jsonl_events(path: Path) -> list[Timed]:
    """Session events as JSON lines, in order of `received_at` (else `occurred_at`).

    Raises ConfigurationError naming the line that cannot be read.
    """
    events = []
    for number, line in _lines(path):
        event = _parsed(path, number, line)
        try:
            events.append(Timed(int(event.get("received_at") or event["occurred_at"]), event))
        except (KeyError, TypeError, ValueError):
            raise ConfigurationError(f"{path}:{number}: expected a session event with occurred_at in ms") from None
    return sorted(events, key=lambda timed: timed.at_ms)


READERS = {"otto": otto_events, "jsonl": jsonl_events}


def _otto_session(path: Path, number: int, line: str) -> Iterator[Timed]:
    recorded = _parsed(path, number, line)
    try:
        session = str(recorded["session"])
        for index, action in enumerate(recorded["events"]):
            kind, page_type = OTTO_TYPES[action["type"]]
            yield Timed(
                int(action["ts"]), _otto_event(session, index, kind, page_type, str(action["aid"]), int(action["ts"]))
            )
    except (KeyError, TypeError, ValueError) as problem:
        raise ConfigurationError(
            f"{path}:{number}: not an OTTO session ({type(problem).__name__}: {problem}); expected "
            '{"session": ..., "events": [{"aid": ..., "ts": ms, "type": "clicks" | "carts" | "orders"}]}'
        ) from None


def _otto_event(session: str, index: int, kind: str, page_type: str, product: str, at_ms: int) -> dict[str, Any]:
    return {
        "event_id": f"{session}-{index}",
        "site_id": "otto",
        "session_id": session,
        "seq": index,
        "type": kind,
        "page_type": page_type,
        "page_id": f"/{page_type}/{product}",
        "containers": [],
        "occurred_at": at_ms,
        "sent_at": at_ms,
        "received_at": at_ms,
        "device": "desktop",
        "source": "direct",
        "consent": {"analytics": True, "personalization": True},
        "product_id": product,
        "attributes": {},
    }


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from ((number, line) for number, line in enumerate(file, 1) if line.strip())
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigurationError(f"{path} cannot be read: {problem}") from None


def _parsed(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        parsed = json.loads(line)
    except ValueError as problem:
        raise ConfigurationError(f"{path}:{number}: not JSON: {problem}") from None
    if not isinstance(parsed, dict):
        raise ConfigurationError(f"{path}:{number}: expected a JSON object, found {type(parsed).__name__}")
    return parsed
