"""What a commit says beside each offset, in the offset's metadata: who committed it, and how its partition stood.

It moves with the partition: to whichever worker has it next, and to a fresh disk.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

LONGEST = 4096
"""Characters of metadata that a broker takes by default (offset.metadata.max.bytes)."""


@dataclass(frozen=True)
class Note:
    """The note of one topic partition.

    `commit` names the commit, so that whoever asked for it can find out whether it happened. `partitions` is how many
    the topic had, `topic_id` what its broker calls it. `at_rest`: the worker let go of the partition in order; without
    it the worker that had it may have died of a record behind the offset. `tries`, `until` and `alone` are those of its
    Trial.
    """

    commit: str = ""
    partitions: int = 0
    topic_id: str = ""
    at_rest: bool = False
    tries: int = 0
    until: int = 0
    alone: bool = False

    def encode(self) -> str:
        """As metadata: JSON, without what is as by default."""
        return json.dumps({name: value for name, value in asdict(self).items() if value}, separators=(",", ":"))

    @classmethod
    def of(cls, metadata: str | None) -> Note | None:
        """The note that metadata holds; None for anything else, such as that of another tool."""
        try:
            found = json.loads(metadata or "") if len(metadata or "") <= LONGEST else None
        except ValueError:
            return None
        if not isinstance(found, dict):
            return None
        blank = asdict(cls())
        if any(name not in blank or type(value) is not type(blank[name]) for name, value in found.items()):
            return None
        return cls(**found)
