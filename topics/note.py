"""What a commit says beside each offset, in the offset's metadata: who committed it, and how its partition stood.

It moves with the partition: to whichever worker has it next, and to a fresh disk.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Note:
    """The note of one topic partition.

    `commit` names the commit, so that whoever asked for it can find out whether it happened. `partitions` is how many
    the topic had, `topic_id` what its broker calls it; None where that was not told. `at_rest`: the worker let go of
    the partition in order; without it the worker that had it may have died of a record behind the offset. `tries`,
    `until` and `alone` are those of its Trial. `changelogs` are the ids of the changelog topics whose rows stand at the
    offset. `seen`, `invalid` and `in_a_row` are what the breaker counted up to there.
    """

    commit: str = ""
    partitions: int | None = None
    topic_id: str | None = None
    at_rest: bool = False
    tries: int = 0
    until: int = 0
    alone: int = 0
    changelogs: Mapping[str, str] = field(default_factory=dict)
    seen: int = 0
    invalid: int = 0
    in_a_row: int = 0

    def encode(self) -> str:
        """As metadata: JSON, without what is as by default."""
        return json.dumps({name: value for name, value in vars(self).items() if value}, separators=(",", ":"))

    @classmethod
    def of(cls, metadata: str | None) -> Note | None:
        """The note that metadata holds; None for what is no JSON object, such as that of another tool.

        What is of another kind than it should be, or of a later version, is passed over.
        """
        try:
            found = json.loads(metadata or "")
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        known: dict[str, Any] = {name: value for name, value in found.items() if type(value) is KINDS.get(name)}
        ids = found.get("changelogs")
        if isinstance(ids, dict) and all(isinstance(id_, str) for id_ in ids.values()):
            known["changelogs"] = ids
        return cls(**known)


KINDS = {
    **{"commit": str, "partitions": int, "topic_id": str, "at_rest": bool},
    **dict.fromkeys(("tries", "until", "alone", "seen", "invalid", "in_a_row"), int),
}
