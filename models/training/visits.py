"""Visits as training takes them, out of any source of session events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from models.behaviour.config import FoldConfig

Event = Mapping[str, Any]
"""A session event as a dict of the schema's fields."""
Visit = Sequence[Event]
"""The events of one visit, in order of time."""


def visits_of(events: Iterable[Event], config: FoldConfig | None = None) -> Iterator[Visit]:
    """The visits that events, in order of time, make up: by session, split where the fold would split them.

    All events are read before the first visit comes out. Those of a session without analytics or personalization
    consent are left out: nothing is scored there.
    """
    config = config or FoldConfig()
    sessions: dict[str, list[Event]] = {}
    for event in events:
        sessions.setdefault(event["session_id"], []).append(event)
    for session in sessions.values():
        if all(event["consent"]["analytics"] and event["consent"]["personalization"] for event in session):
            yield from _split(session, config)


def _split(session: list[Event], config: FoldConfig) -> Iterator[Visit]:
    visit: list[Event] = []
    for event in session:
        at = event["occurred_at"]
        if visit and (
            at - visit[-1]["occurred_at"] >= config.gap_ms or at - visit[0]["occurred_at"] >= config.longest_ms
        ):
            yield visit
            visit = []
        visit.append(event)
    if visit:
        yield visit
