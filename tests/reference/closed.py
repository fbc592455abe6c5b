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

    def fold(self, records: Iterable[tuple[Mapping[str, Any] | int, int]], fold: PartitionFold | None = None) -> None:
        """One partition: an event and Kafka's timestamp, or a stated watermark and whatever, in offset order.

        `fold` is an empty partition that is to take them, where it is to learn more of them.
        """
        fold = fold or PartitionFold(self.config)
        for record, timestamp in records:
            if isinstance(record, int):
                fold.advance(record)
            else:
                fold.record(dict(record), timestamp)
            fold.end_of_batch()
            for visit in fold.closed:
                self._add(visit)
            fold.closed.clear()
        if fold.watermark is not None:
            self.watermarks.append(fold.watermark)

    def update(self, other: ClosedVisits) -> None:
        """Add the visits of other partitions."""
        self.features |= other.features
        self.who |= other.who
        self.scored |= other.scored
        self.known = self.known or other.known
        self.watermarks += other.watermarks
        for site, sums in other.sites.items():
            self.sites.setdefault(site, SiteSums()).take(sums.visits, sums.dwell, sums.scroll)

    def held_out(
        self, master_key: bytes, shares: Mapping[str, float], default: float, among: Container[Visit]
    ) -> set[Visit]:
        """The visits among these of visitors in the holdout; `shares` are the sites' own, 0-1."""
        return {
            visit
            for visit, (site, who) in self.who.items()
            if visit in among and is_held_out(master_key, site, who, shares.get(site, default))
        }

    def _add(self, closed: ClosedVisit) -> None:
        visit, features = (closed.session_id, closed.visit_started_at), closed.features
        features = features | {name: features[same] for name, same in SAME_AT_CLOSING.items()}
        self.known = self.known or tuple(name for name in self.names if name in features)
        self.features[visit] = array("f", [features[name] for name in self.known])
        self.who[visit] = closed.site_id, closed.who
        if closed.personalization and not features["bot"]:
            self.scored.add(visit)
        self.sites.setdefault(closed.site_id, SiteSums()).add(features["dwell_s"], features["scroll_max"])
