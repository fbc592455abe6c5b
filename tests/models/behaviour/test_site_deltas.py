"""What leaves as sums of sites when visits close."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch, Folded, pass_time
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.records import site_deltas
from models.sites.deltas import summed
from models.sites.histograms import dwell_histogram, scroll_histogram
from schemas.encoder import Encoder
from schemas.record_type import record_type
from tests.models.behaviour.events import START, event, to_batch, to_columns
from tests.models.sites.records import batch

DAY_MS = 86_400_000
VISITS = st.lists(
    st.tuples(
        st.sampled_from(["shop", "b2b"]), st.sampled_from([None, 0.0, 0.4, 75.0]), st.sampled_from([0.0, 0.5, 1])
    ),
    max_size=12,
)


def closed(visits: list[tuple[str, float | None, float]], until_ms: int = START + DAY_MS) -> tuple[Folded, ...]:
    """What the fold says of one-event visits, each of a session of its own, and of the time that passes after."""
    events = [
        event(type="click", session_id=f"s-{k}", site_id=site, dwell_s=dwell_s, scroll_depth=depth)
        for k, (site, dwell_s, depth) in enumerate(visits)
    ]
    rows, index = np.repeat(SESSION_LAYOUT.blank, max(1, len(visits))), np.arange(len(visits))
    stamps = np.full(len(visits), START, np.int64)
    folded = Batch(index, to_columns(to_batch(events), stamps, START, replay=False)).fold(rows, FoldConfig())
    passed, waiting = [folded], index
    while waiting.size:
        passed.append(pass_time(rows, waiting, until_ms, FoldConfig()))
        rows["pending"], waiting = 0, passed[-1].waiting
    return tuple(passed)


def deltas(folded: tuple[Folded, ...]) -> dict[str, dict[str, Any]]:
    return {one["site_id"]: one for one in site_deltas(folded, "session-event", 3, START)}


@given(VISITS)
def test_closed_visits_are_counted_by_dwell_and_depth(visits: list[tuple[str, float | None, float]]) -> None:
    """Each site's delta has the histograms of its own visits, fits its schema, and adds up."""
    found = deltas(closed(visits))
    assert sorted(found) == sorted({site for site, _, _ in visits})
    for site, delta in found.items():
        own = [(dwell_s or 0.0, depth) for name, dwell_s, depth in visits if name == site]
        dwells, depths = np.array(own, np.float32).T
        assert delta["visits"] == delta["folded"] == len(own)
        assert delta["dwell_histogram"] == dwell_histogram(dwells).tolist()
        assert delta["scroll_histogram"] == scroll_histogram(depths).tolist()
        Encoder(record_type("site-delta")).encode(delta)
    if found:
        assert summed(batch(list(found.values()))).totals.sum() == 2 * len(visits)


def test_visits_closed_by_events_and_by_time_add_up() -> None:
    """All that a batch concluded is one delta a site."""
    once = closed([("shop", 5.0, 0.5), ("shop", 75.0, 1.0)])
    one, twice = deltas(once)["shop"], deltas((*once, *once))["shop"]
    for name in ("dwell_histogram", "scroll_histogram"):
        assert twice[name] == [2 * count for count in one[name]]
    assert (twice["visits"], twice["folded"]) == (4, 4)


def test_a_delta_without_closed_visits_has_empty_histograms() -> None:
    """Most deltas close nothing, and are small."""
    delta = deltas(closed([("shop", 5.0, 0.5)], until_ms=START))["shop"]
    assert (delta["folded"], delta["visits"]) == (1, 0)
    assert delta["dwell_histogram"] == delta["scroll_histogram"] == []
