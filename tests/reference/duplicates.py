"""What a visit remembers to tell duplicates (docs/fold.md, section 4)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from tests.reference.symbols import Event

TABS = 4
WINDOW = 64
IDS = 8
_WINDOW_MASK = (1 << WINDOW) - 1


class Verdict(Enum):
    """What is known of an event: it is new, was seen before, or it cannot be told."""

    NEW = "new"
    DUPLICATE = "duplicate"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class Tab:
    """The numbers seen of one tab: bit k of `seen` stands for `highest - k`."""

    highest: int
    seen: int = 1


@dataclass(slots=True)
class Memory:
    """Numbers by tab, and the ids of the last events that were not duplicates."""

    tabs: dict[str | None, Tab] = field(default_factory=dict)
    """In the order in which their slots were created."""
    ids: deque[str] = field(default_factory=lambda: deque(maxlen=IDS))

    def judge(self, event: Event, folded: int) -> Verdict:
        """Judge an event of a visit with `folded` events, and remember it unless it is a duplicate."""
        seq: int | None = event.get("seq")
        if seq is None:
            verdict = self._by_id(event["event_id"], told=folded <= IDS)
        else:
            verdict = self._by_number(event["event_id"], event.get("tab_id"), seq)
        if verdict is not Verdict.DUPLICATE:
            self.ids.append(event["event_id"])
        return verdict

    def _by_id(self, event_id: str, told: bool) -> Verdict:
        if event_id in self.ids:
            return Verdict.DUPLICATE
        return Verdict.NEW if told else Verdict.UNDECIDED

    def _by_number(self, event_id: str, tab_id: str | None, seq: int) -> Verdict:
        tab = self.tabs.get(tab_id)
        if tab is None:
            if len(self.tabs) == TABS:
                del self.tabs[next(iter(self.tabs))]
            self.tabs[tab_id] = Tab(highest=seq)
            return Verdict.NEW
        if seq > tab.highest:
            slide = seq - tab.highest
            tab.seen = (tab.seen << slide | 1) & _WINDOW_MASK if slide < WINDOW else 1
            tab.highest = seq
            return Verdict.NEW
        behind = tab.highest - seq
        if behind >= WINDOW:
            return self._by_id(event_id, told=False)
        if tab.seen >> behind & 1:
            return Verdict.DUPLICATE
        tab.seen |= 1 << behind
        return Verdict.NEW
