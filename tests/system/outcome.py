"""What the fold came to, as a committed reader finds it: the sums of sites, and every live visit.

Of the product it uses the decoder and the changelog's row layout, no code of the fold or the transport.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.behaviour.features import FEATURES
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from tests.system.reading import records, state_in_log
from topics.settings import Settings
from topics.state.column import ColumnState

Features = dict[str, float]
Visit = tuple[str, int]
"""Session and start, ms since the epoch."""
SUMS = (
    *("visits", "converted_visits", "orders", "order_lines"),
    *("folded", "late", "duplicate", "undecided", "capped", "unconsented"),
)


@dataclass
class Outcome:
    """Sums by site, and features of live visits by session."""

    sums: dict[str, Counter[str]] = field(default_factory=dict)
    live: dict[str, Features] = field(default_factory=dict)

    def add(self, site: str, counts: Mapping[str, int]) -> None:
        """Add to the sums of a site; what is zero says nothing."""
        self.sums.setdefault(site, Counter()).update({name: n for name, n in counts.items() if n})

    def update(self, other: Outcome) -> None:
        """Add what another partition tells."""
        for site, counts in other.sums.items():
            self.add(site, counts)
        self.live |= other.live


def found(settings: Settings) -> Outcome:
    """What a committed reader finds: the sums of sites, and the visits that the changelog rebuilds."""
    outcome = Outcome()
    for record in records(settings, "site-delta"):
        outcome.add(record["site_id"], {name: record[name] for name in SUMS})
    for number in range(settings.partitions):
        outcome.live |= _live(state_in_log(settings, SESSION_LAYOUT, number))
    return outcome


def assert_equal(there: Outcome, wanted: Outcome) -> None:
    """Nothing missing, nothing twice, every figure the same."""
    assert {site: sums for site, sums in there.sums.items() if sums} == wanted.sums
    assert sorted(there.live) == sorted(wanted.live)
    for session, features in wanted.live.items():
        assert there.live[session] == features, session


def _live(state: ColumnState) -> dict[str, Features]:
    rows = [row for key in state if (row := state.find(key)) is not None]
    if not rows:
        return {}
    names = [feature.name for feature in FEATURES]
    values = np.asarray(feature_matrix(np.concatenate(rows)), np.float64).tolist()
    return {key: dict(zip(names, of_one, strict=True)) for key, of_one in zip(state, values, strict=True)}
