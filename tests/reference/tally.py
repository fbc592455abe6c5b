"""Count, first and last time by name: of event types, and of page types (docs/fold.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

MOST = 65_535


@dataclass(slots=True)
class Tally:
    """Times are offsets in ms; a name that never happened is absent."""

    count: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, offset: int) -> None:
        """Count one event called `name`."""
        count = self.count.get(name, 0)
        if count == 0:
            self.first[name] = offset
        self.last[name] = offset
        self.count[name] = min(count + 1, MOST)
