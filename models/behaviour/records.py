"""What the fold concluded, as the records that leave on topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from models.behaviour.effects import COUNTS
from models.behaviour.fold import Folded, Rows
from models.sites.histograms import BINS, dwell_bins, scroll_bins
from schemas.vocabulary import EVENT_TYPES, code

PURCHASE = code(EVENT_TYPES, "purchase")
VISIT_SUMS = ("visits", "converted_visits", "orders", "order_lines")


def site_deltas(folded: Sequence[Folded], topic: str, partition: int, watermark: int) -> Iterator[dict[str, Any]]:
    """A record of site-delta.avsc for each site that something was counted for, summed over `folded`.

    `topic` and `partition` say where the records came from, `watermark` is that partition's, ms since the epoch.
    """
    sums: defaultdict[bytes, _SiteSums] = defaultdict(_SiteSums)
    for one in folded:
        for site, counts in zip(one.sites.tolist(), one.counts, strict=True):
            sums[site].counts += counts
        _add_closed(sums, one.closed)
    for site, summed in sorted(sums.items()):
        visits = summed.visits.tolist()
        if summed.counts.any() or any(visits):
            yield {
                **no_site_delta(site.decode(), topic, partition, watermark),
                **dict(zip((*VISIT_SUMS, *COUNTS), (*visits, *summed.counts.tolist()), strict=True)),
                "dwell_histogram": summed.dwell.tolist() if summed.visits[0] else [],
                "scroll_histogram": summed.scroll.tolist() if summed.visits[0] else [],
            }


def no_site_delta(site_id: str, topic: str, partition: int, watermark: int) -> dict[str, Any]:
    """A record of site-delta.avsc that adds nothing."""
    return {
        "site_id": site_id,
        "source_topic": topic,
        "source_partition": partition,
        "watermark": max(watermark, -1),
        **dict.fromkeys((*VISIT_SUMS, *COUNTS), 0),
    }


class _SiteSums:
    """Of one site, int64: `counts` as in COUNTS, `visits` as in VISIT_SUMS, and the histograms of visits closed."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(COUNTS), np.int64)
        self.visits = np.zeros(len(VISIT_SUMS), np.int64)
        self.dwell = np.zeros(BINS, np.int64)
        self.scroll = np.zeros(BINS, np.int64)


def _add_closed(sums: defaultdict[bytes, _SiteSums], closed: Rows) -> None:
    sites, of_site = np.unique(closed["site_id"], return_inverse=True)
    lines = closed["type_count"][:, PURCHASE]
    each = np.stack([np.ones_like(of_site), lines > 0, closed["orders"], lines], axis=1)
    visits = np.zeros((sites.size, len(VISIT_SUMS)), np.int64)
    dwell, scroll = np.zeros((2, sites.size, BINS), np.int64)
    np.add.at(visits, of_site, each)
    np.add.at(dwell, (of_site, dwell_bins(closed["dwell_s"])), 1)
    np.add.at(scroll, (of_site, scroll_bins(closed["scroll_max"])), 1)
    for place, site in enumerate(sites.tolist()):
        summed = sums[site]
        summed.visits += visits[place]
        summed.dwell += dwell[place]
        summed.scroll += scroll[place]
