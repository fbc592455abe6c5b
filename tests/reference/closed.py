"""Closed visits by the reference fold: who came, and what of them containers and sites are told of.

Kept small, since a verifier holds all visits of a million events: an array of the features asked for each.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.reference.config import Config
from tests.reference.containers import Visit
from tests.reference.fold import ClosedVisit, PartitionFold
from tests.reference.holdout import is_held_out
from tests.reference.site_sums import SiteSums
from tests.reference.visit import Visit as Live

SAME_AT_CLOSING = {"age_s": "duration_s", "idle_s": "silence_s"}
"""Inputs of the scorer that a visit's last event makes features of the fold."""


@dataclass
class ClosedVisits:
    """Of every partition given to `fold`.

    `names`: features to keep of each visit; those that the fold does not tell are left out of `known`.
    """

    config: Config
    names: Sequence[str]
    features: dict[Visit, array[float]] = field(default_factory=dict)
    """float32 of `known`."""
    who: dict[Visit, tuple[str, str]] = field(default_factory=dict)
    """Site, and the visitor that the first event names, else the session."""
    scored: set[Visit] = field(default_factory=set)
    """Those whose last folded event consents to personalization, and no bot's."""
    sites: dict[str, SiteSums] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    watermarks: list[int] = field(default_factory=list)

    def fold(self, records: Iterable[tuple[Mapping[str, Any] | int, int]]) -> PartitionFold:
        """One partition: an event and Kafka's timestamp, or a stated watermark and whatever, in offset order."""
        fold = PartitionFold(self.config)
        begun: dict[Visit, tuple[str, Live]] = {}
        for record, timestamp in records:
            if isinstance(record, int):
                fold.advance(record)
            else:
                self._record(fold, begun, dict(record), timestamp)
            fold.end_of_batch()
            for visit in fold.closed:
                self._close(visit, *begun.pop((visit.session_id, visit.visit_started_at)))
            fold.closed.clear()
        if fold.watermark is not None:
            self.watermarks.append(fold.watermark)
        return fold

    def held_out(
        self, master_key: bytes, shares: Mapping[str, float], default: float, among: Container[Visit]
    ) -> set[Visit]:
        """The visits among these of visitors in the holdout; `shares` are the sites' own, 0-1."""
        return {
            visit
            for visit, (site, who) in self.who.items()
            if visit in among and is_held_out(master_key, site, who, shares.get(site, default))
        }

    def _record(
        self, fold: PartitionFold, begun: dict[Visit, tuple[str, Live]], event: dict[str, Any], timestamp: int
    ) -> None:
        session = event["session_id"]
        before = fold.live.get(session)
        fold.record(event, timestamp)
        after = fold.live.get(session)
        if after is not None and after is not before:
            begun[session, after.start] = event.get("visitor_id") or session, after

    def _close(self, closed: ClosedVisit, visitor: str, live: Live) -> None:
        visit, features = (closed.session_id, closed.visit_started_at), closed.features
        features = features | {name: features[same] for name, same in SAME_AT_CLOSING.items()}
        self.known = self.known or tuple(name for name in self.names if name in features)
        self.features[visit] = array("f", [features[name] for name in self.known])
        self.who[visit] = closed.site_id, visitor
        if live.personalization and not features["bot"]:
            self.scored.add(visit)
        self.sites.setdefault(closed.site_id, SiteSums()).add(features["dwell_s"], features["scroll_max"])
