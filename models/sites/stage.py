"""How far a site has come: the sums of its deltas, and when a change of them is worth telling every worker.

A site-stage is read by every worker, and live uses of it the number of sessions (which regime holds) and the two
medians (what engagement is measured against). So a new version is told only where one of these changed materially:
- sessions reached a bound of `REGIME_BOUNDS`,
- sessions grew by `GROWTH` since the last version; below 20 sessions, where that is less than one, by one,
- a median moved by `MEDIAN_MOVE` of what was told, became known, or left 0.
So a site's versions grow about as the logarithm of its sessions, since a median settles as they grow. Each raises the
version by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from models.sites.deltas import TOTALS, SiteSums
from models.sites.histograms import BINS, dwell_median_s, scroll_median

REGIME_BOUNDS = (100, 1_000)
"""Sessions from which a site takes ACTIVE and its posteriors are Normal (100), and from which it can leave the first
thousand (1,000) (DOMAIN.md, 6 to 8)."""
GROWTH = 0.05
MEDIAN_VISITS = 30
"""Visits under which a median is not told (ours, as containers of fewer are "insufficient")."""
MEDIAN_MOVE = 0.01

State = dict[str, Any]


class Grown(NamedTuple):
    """A site after a batch: its record of site-sums.avsc, and one of site-stage.avsc where there is news."""

    state: State
    stage: dict[str, Any] | None


def new_state(site_id: str) -> State:
    """The state of a site of which nothing is known."""
    empty = [0] * BINS
    return {
        "site_id": site_id,
        "version": 0,
        "told_sessions": 0,
        "told_dwell_median_s": None,
        "told_scroll_median": None,
        **dict.fromkeys(TOTALS, 0),
        "dwell_histogram": empty,
        "scroll_histogram": empty,
    }


def merged(state: State, sums: SiteSums, place: int) -> State:
    """The state with what its site, at `place` of `sums`, has gained."""
    known = np.array([state[name] for name in TOTALS], np.int64)
    return {
        **state,
        **dict(zip(TOTALS, (known + sums.totals[place]).tolist(), strict=True)),
        "dwell_histogram": (np.array(state["dwell_histogram"]) + sums.dwell_histogram[place]).tolist(),
        "scroll_histogram": (np.array(state["scroll_histogram"]) + sums.scroll_histogram[place]).tolist(),
    }


def stage(state: State) -> dict[str, Any]:
    """A record of site-stage.avsc as the sums stand, of the state's version. Sessions are the visits closed.

    Under `MEDIAN_VISITS` there are no medians: the first visits of a site would measure all rewards after them.
    """
    known = state["visits"] >= MEDIAN_VISITS
    return {
        "site_id": state["site_id"],
        "version": state["version"],
        "sessions": state["visits"],
        "dwell_median_s": dwell_median_s(np.array(state["dwell_histogram"])) if known else None,
        "scroll_median": scroll_median(np.array(state["scroll_histogram"])) if known else None,
    }


def grown(state: State, sums: SiteSums, place: int) -> Grown:
    """A site with what it has gained, and its next site-stage where the change is material."""
    after = merged(state, sums, place)
    now = stage(after)
    if not any(_material(after, now)):
        return Grown(after, None)
    after |= {
        "version": after["version"] + 1,
        "told_sessions": now["sessions"],
        "told_dwell_median_s": now["dwell_median_s"],
        "told_scroll_median": now["scroll_median"],
    }
    return Grown(after, now | {"version": after["version"]})


def _material(state: State, now: dict[str, Any]) -> Iterator[bool]:
    told, sessions = state["told_sessions"], now["sessions"]
    yield any(told < bound <= sessions for bound in REGIME_BOUNDS)
    yield sessions - told >= max(1.0, GROWTH * told)
    yield _moved(state["told_dwell_median_s"], now["dwell_median_s"])
    yield _moved(state["told_scroll_median"], now["scroll_median"])


def _moved(told: float | None, now: float | None) -> bool:
    if told is None or now is None:
        return told is not now
    return now != told and abs(now - told) >= MEDIAN_MOVE * told
