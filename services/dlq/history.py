"""What a record that was sent back carries with it, so that a letter it becomes again tells its past.

`lamstream.retry.attempt` says how often it was sent back, `lamstream.retry.first` where it stood when it failed first,
and `lamstream.retry.history` is a JSON list of every time, the oldest first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services.dlq.letters import RETRY_HEADER, Letter
from topics.transport.outbox import Headers

ATTEMPT = RETRY_HEADER + "attempt"
FIRST = RETRY_HEADER + "first"
HISTORY = RETRY_HEADER + "history"

Entry = dict[str, Any]


def history_of(letter: Letter) -> list[Entry]:
    """Each time the record was sent back before it became this letter, the oldest first.

    A history that cannot be read counts as one time, so that it does not pass as none.
    """
    written = [value or b"" for name, value in letter.headers if name == HISTORY]
    if not written:
        return []
    try:
        entries = json.loads(written[-1])
    except (ValueError, RecursionError):
        entries = None
    if isinstance(entries, list) and entries and all(isinstance(entry, dict) for entry in entries):
        return entries
    return [{"unreadable": written[-1].decode(errors="backslashreplace")}]


def headers_with_history(letter: Letter, retried_at: int) -> Headers:
    """The headers that the record came with, and its history with this letter added."""
    before = history_of(letter)
    now = {
        "letter": str(letter.place),
        "diverted_at": letter.timestamp,
        "source": str(letter.source),
        "reason": letter.reason,
        "stage": letter.stage,
        "retried_at": retried_at,
    }
    history = [*before, now]
    return [
        *letter.producers_headers,
        (ATTEMPT, str(len(history)).encode()),
        (FIRST, _first(history).encode()),
        (HISTORY, json.dumps(history).encode()),
    ]


def _first(history: Sequence[Entry]) -> str:
    return str(history[0].get("source", "unknown"))
