"""What a turn adds to the sums of each site."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from models.behaviour.fold import Folded
from models.behaviour.records import no_site_delta, site_deltas


@dataclass
class SiteSums:
    """Everything folded in a turn, and named counts by site beside it."""

    folded: list[Folded] = field(default_factory=list)
    counts: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def count(self, name: str, sites: Iterable[str]) -> None:
        """Count one more of a field of site-delta for each of the sites named, as often as it is."""
        for site, number in Counter(sites).items():
            self.counts[site][name] += number

    def records(self, topic: str, partition: int, watermark: int) -> Iterator[dict[str, Any]]:
        """A record of site-delta.avsc for each site that something was counted for."""
        left = dict(self.counts)
        for delta in site_deltas(self.folded, topic, partition, watermark):
            yield delta | left.pop(delta["site_id"], {})
        for site, counts in left.items():
            if counts.total():
                yield no_site_delta(site, topic, partition, watermark) | counts
