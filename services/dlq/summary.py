"""Dead letters counted by topic and reason, and one as an object."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

from services.dlq.history import history_of
from services.dlq.letters import Letter
from services.dlq.retried import Retried
from services.dlq.text import printable

Told = dict[str, Any]


def counts(letters: Iterable[Letter], retried: Retried) -> list[Told]:
    """One object for each topic, stage and reason: letters, those sent back, first and last in ms, the newest's id."""
    found: dict[tuple[str, str, str], Told] = {}
    for letter in letters:
        group = (letter.place.topic, letter.reason, letter.stage)
        one = found.get(group)
        if one is None:
            names = dict(zip(("topic", "reason", "stage"), group, strict=True))
            times = {"first": letter.timestamp, "last": letter.timestamp, "example": str(letter.place)}
            one = found[group] = {**names, "letters": 0, "retried": 0, **times}
        one["letters"] += 1
        one["retried"] += retried.of(letter) is not None
        one["first"] = min(one["first"], letter.timestamp)
        if letter.timestamp >= one["last"]:
            one |= {"last": letter.timestamp, "example": str(letter.place)}
    return [found[group] for group in sorted(found)]


def told_in_short(letter: Letter, retried: Retried) -> Told:
    """One letter without its content."""
    return _head(letter) | {
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "bytes": len(letter.value or b""),
        "attempts": len(history_of(letter)),
        "retried": retried.of(letter) is not None,
    }


def told_whole(letter: Letter) -> Told:
    """One letter with all that it holds, its bytes in base64; headers are pairs, since a name may repeat."""
    return _head(letter) | {
        "source_timestamp": letter.source_timestamp,
        "history": history_of(letter),
        "key_base64": _base64(letter.key),
        "value_base64": _base64(letter.value),
        "headers": [[name, _base64(value)] for name, value in letter.headers],
    }


def line(told: Told) -> str:
    """One letter in short, on one line."""
    state = " retried" if told["retried"] else f" failed {told['attempts'] + 1} times" if told["attempts"] else ""
    words = f"{told['reason'] or 'no reason'} at {told['stage'] or 'no stage'}"
    key = "none" if told["key"] is None else told["key"]
    return f"{told['id']:36} {printable(words)}{state}  key {printable(key)}  {printable(told['message'])}"


def _head(letter: Letter) -> Told:
    """Which letter it is, and what was wrong."""
    return {
        "id": str(letter.place),
        "diverted_at": letter.timestamp,
        "reason": letter.reason,
        "stage": letter.stage,
        "message": letter.message,
        "source": None if letter.source is None else str(letter.source),
    }


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
