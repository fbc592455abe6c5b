"""Which dead letters are meant, as people say it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from services.dlq.letters import Letter, Place, dead_letter_topic, dead_letter_topics, parse_place
from topics.errors import ConfigurationError

UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGE = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_ZULU = re.compile(r"[zZ]\Z")


@dataclass(frozen=True)
class Choice:
    """The letters at `ids` where there are any, else all of `topics`, that meet every condition given.

    `since` and `until` bound when a letter was diverted, in ms, the second left out; `limit` takes the oldest.
    """

    topics: tuple[str, ...]
    ids: tuple[Place, ...] = ()
    reasons: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    key: str | None = None
    limit: int | None = None

    def __call__(self, letter: Letter) -> bool:
        """Whether the letter meets the conditions; the limit is not among them."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.stages or letter.stage in self.stages)
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp < self.until)
            and (self.key is None or letter.key == self.key.encode())
        )


def choice(
    now_ms: int,
    *,
    topics: Sequence[str] = (),
    ids: Sequence[str] = (),
    reasons: Sequence[str] = (),
    stages: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
    key: str | None = None,
    limit: int | None = None,
) -> Choice:
    """What was typed. Raises ConfigurationError for what is no topic with letters, id or time."""
    if ids and topics:
        raise ConfigurationError("found ids and --topic; an id names its topic already: give one of them")
    return Choice(
        topics=tuple(dict.fromkeys(map(dead_letter_topic, topics))) or dead_letter_topics(),
        ids=tuple(dict.fromkeys(map(parse_place, ids))),
        reasons=frozenset(reasons),
        stages=frozenset(stages),
        since=None if since is None else moment(since, now_ms),
        until=None if until is None else moment(until, now_ms),
        key=key,
        limit=limit,
    )


def moment(written: str, now_ms: int) -> int:
    """Ms since the epoch of an ISO time, UTC where it names no zone, or of an age such as 2h before `now_ms`.

    Raises ConfigurationError for anything else.
    """
    if age := _AGE.fullmatch(written):
        return now_ms - int(age["count"]) * UNITS_MS[age["unit"]]
    try:
        at = datetime.fromisoformat(_ZULU.sub("+00:00", written))
        zoned = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
        return round(zoned.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"found the time {written!r}; expected an age (90s, 30m, 2h, 3d) or an ISO time, UTC unless it says "
            "otherwise, for example 2026-01-31T18:00 or 2026-01-31T18:00+01:00"
        ) from None
