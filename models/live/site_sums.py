"""What a turn adds to the sums of each site."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from models.behaviour.fold import Folded
from models.behaviour.records import no_site_delta, site_deltas
from models.live.site_book import SiteBook


class SiteSums:
    """Everything folded in a turn, and what else is counted by site."""

    def __init__(self, sites: SiteBook) -> None:
        self.folded: list[Folded] = []
        self._sites = sites
        self._counts: dict[str, defaultdict[str, int]] = {}

    def count(self, name: str, places: npt.NDArray[np.int32], amounts: npt.NDArray[Any] | None = None) -> None:
        """Add to a field of site-delta, for each of n places in the book of sites, 1 or its amount."""
        totals = np.bincount(places, amounts)
        for place in np.flatnonzero(totals).tolist():
            site = self._sites.contexts[place].site_id
            self._counts.setdefault(site, defaultdict(int))[name] += int(totals[place])

    def records(self, topic: str, partition: int, watermark: int) -> Iterator[dict[str, Any]]:
        """A record of site-delta.avsc for each site that something was counted for."""
        left = dict(self._counts)
        for delta in site_deltas(self.folded, topic, partition, watermark):
            yield delta | left.pop(delta["site_id"], {})
        for site, counts in left.items():
            yield no_site_delta(site, topic, partition, watermark) | counts
