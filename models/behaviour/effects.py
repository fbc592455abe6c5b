"""What a call of the fold hands back, as the kernels write it: buffers large enough for anything a batch can do."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.behaviour.codes import TIMERS
from models.behaviour.layout import KERNEL_DTYPE, SESSION_LAYOUT, as_bytes, text_bytes
from models.jit import Record, njit

FIRED_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("row", "visit_ms", "deadline_ms")),
        ("timer", "u1"),
        *((name, "?") for name in ("post_session", "waits")),
    ],
    align=True,
)
OUTCOME_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("row", "visit_ms", "from_ms", "to_ms", "last_ms", "events")),
        ("propensity", "<f8"),
        *((name, "<f4") for name in ("dwell_s", "scroll")),
        *((name, "<u2") for name in ("number", "friction", "pages")),
        *((name, "u1") for name in ("result", "action", "tier")),
        *((name, "?") for name in ("converted", "dismissed", "cut")),
        ("site_id", "S40"),
    ],
    align=True,
)
_OUTCOME_AS_BYTES = as_bytes(OUTCOME_DTYPE)
FOLDED, LATE, DUPLICATE, UNDECIDED, CAPPED, UNCONSENTED = range(6)
COUNTS = ("folded", "late", "duplicate", "undecided", "capped", "unconsented")

_CLOSED, _FIRED, _OUTCOMES, _SITES = range(4)


class Effects(NamedTuple):
    """Output buffers; `used` says how much is filled of closed, fired, outcomes, and of sites with their counts."""

    closed: npt.NDArray[np.void]
    closed_row: npt.NDArray[np.int64]
    fired: npt.NDArray[np.void]
    outcomes: npt.NDArray[np.void]
    sites: npt.NDArray[Any]
    site_hashes: npt.NDArray[np.uint64]
    counts: npt.NDArray[np.int64]
    used: npt.NDArray[np.int64]

    def as_bytes(self) -> Effects:
        """The same buffers with texts as bytes, as the kernels take them."""
        return self._replace(
            closed=self.closed.view(KERNEL_DTYPE),
            outcomes=as_kernel_outcomes(self.outcomes),
            sites=text_bytes(self.sites),
        )

    def cut(self) -> Effects:
        """Copies of what is filled, so that the buffers can go."""
        closed, fired, outcomes, sites = (int(n) for n in self.used)
        return Effects(
            self.closed[:closed].copy(),
            self.closed_row[:closed].copy(),
            self.fired[:fired].copy(),
            self.outcomes[:outcomes].copy(),
            self.sites[:sites].copy(),
            self.site_hashes[:sites].copy(),
            self.counts[:sites].copy(),
            self.used,
        )


def room_for(steps: int, sites: npt.NDArray[np.bytes_], site_hashes: npt.NDArray[np.uint64]) -> Effects:
    """Buffers for `steps` records or visits, of the given sites and of any that the visits began on.

    A step closes at most one visit and fires each timer at most once, since nothing re-arms a timer but a fold, which
    comes last; at most one reward is open when it begins. Pages not written to cost nothing.
    """
    used = np.array([0, 0, 0, sites.size])
    room = sites.size + steps
    all_sites = np.zeros(room, sites.dtype)
    all_sites[: sites.size] = sites
    all_hashes = np.zeros(room, np.uint64)
    all_hashes[: sites.size] = site_hashes
    return Effects(
        np.empty(steps, SESSION_LAYOUT.dtype),
        np.empty(steps, np.int64),
        np.empty(steps * len(TIMERS), FIRED_DTYPE),
        np.empty(steps, OUTCOME_DTYPE),
        all_sites,
        all_hashes,
        np.zeros((room, len(COUNTS)), np.int64),
        used,
    )


def as_kernel_outcomes(outcomes: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """OUTCOME_DTYPE[n] with texts as bytes, as the kernels take it."""
    return outcomes.view(_OUTCOME_AS_BYTES)


@njit
def copy_text(source: Any, target: Any) -> None:
    """Copy the bytes of a text of fixed width."""
    for k in range(target.size):
        target[k] = source[k]


@njit
def put_closed(effects: Effects, rows: Any, index: int) -> None:
    """Hand over the visit as it stands."""
    k = effects.used[_CLOSED]
    effects.closed[k] = rows[index]
    effects.closed_row[k] = index
    effects.used[_CLOSED] = k + 1


@njit
def put_fired(effects: Effects, row: Record, index: int, timer: int, deadline_ms: int, post_session: bool) -> None:
    """Record a timer fired, and whether the visit's row, pending, waits for its evaluation."""
    k = effects.used[_FIRED]
    fired = effects.fired[k]
    fired.row = index
    fired.visit_ms = row.start_ms
    fired.timer = timer
    fired.deadline_ms = deadline_ms
    fired.post_session = post_session
    fired.waits = row.pending
    effects.used[_FIRED] = k + 1


@njit
def put_outcome(effects: Effects, row: Record, index: int, to_ms: int, cut: bool) -> None:
    """Hand over what followed the open decision up to `to_ms`, ms since the epoch, and close it."""
    k = effects.used[_OUTCOMES]
    copy_outcome(row, index, to_ms, cut, effects.outcomes[k])
    effects.used[_OUTCOMES] = k + 1


@njit
def copy_outcome(row: Record, index: int, to_ms: int, cut: bool, outcome: Record) -> None:
    """Copy the open decision of a row to a record of OUTCOME_DTYPE and close it."""
    outcome.row = index
    outcome.visit_ms = row.start_ms
    outcome.from_ms = row.start_ms + row.open_at
    outcome.to_ms = to_ms
    outcome.last_ms = row.open_last
    outcome.events = row.open_events
    outcome.propensity = row.open_propensity
    outcome.dwell_s = row.open_dwell_s
    outcome.scroll = row.open_scroll
    # One decision is open at a time: the last.
    outcome.number = row.decisions - 1
    outcome.friction = row.open_friction
    outcome.pages = row.open_pages
    outcome.result = row.open_result - 1
    outcome.action = row.open_action
    outcome.tier = row.open_tier
    outcome.converted = row.open_converted
    outcome.dismissed = row.open_dismissed
    outcome.cut = cut
    copy_text(row.site_id, outcome.site_id)
    row.open_result = 0


@njit
def _is_site(row: Record, effects: Effects, place: int) -> bool:
    """By hash first, then by the id itself: two ids of one hash can be made."""
    if effects.site_hashes[place] != row.site:
        return False
    same = True
    for k in range(row.site_id.size):
        same &= row.site_id[k] == effects.sites[place][k]
    return same


@njit
def site_of(row: Record, event: Record, effects: Effects) -> int:
    """The place in `sites` of the visit's site, which need not be the one that the event names."""
    named: int = event.site
    if _is_site(row, effects, named):
        return named
    known: int = effects.used[_SITES]
    for place in range(known):
        if _is_site(row, effects, place):
            return place
    copy_text(row.site_id, effects.sites[known])
    effects.site_hashes[known] = row.site
    effects.used[_SITES] = known + 1
    return known
