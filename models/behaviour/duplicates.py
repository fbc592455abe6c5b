"""Whether an event was seen before (`docs/fold.md`, 4)."""

from __future__ import annotations

import numpy as np

from models.behaviour.bounds import BOUNDS
from models.jit import Record, njit

NEW, DUPLICATE, UNDECIDED = range(3)

_TABS = BOUNDS.tabs
_SEQ_WINDOW = BOUNDS.seq_window
_REMEMBERED = BOUNDS.remembered_events
_LOWEST_BIT = np.uint64(1)


@njit
def judge(row: Record, event: Record) -> int:
    """NEW, DUPLICATE or UNDECIDED, by `seq` where there is one; whatever is no duplicate is remembered."""
    verdict = _by_event_id(row, event) if event.seq < 0 else _by_seq(row, event)
    if verdict != DUPLICATE:
        row.event_ids[row.event_ids_at] = event.event_id
        row.event_ids_at = (row.event_ids_at + 1) % _REMEMBERED
    return verdict


@njit
def _by_event_id(row: Record, event: Record) -> int:
    if _remembered(row, event.event_id):
        return DUPLICATE
    return UNDECIDED if row.events > _REMEMBERED else NEW


@njit
def _by_seq(row: Record, event: Record) -> int:
    slot = _slot_of(row, event.tab)
    if slot < 0:
        _open_tab(row, event)
        return NEW
    ahead = event.seq - row.tab_highest[slot]
    if ahead > 0:
        kept = row.tab_seen[slot] << np.uint64(ahead) if ahead < _SEQ_WINDOW else np.uint64(0)
        row.tab_seen[slot] = kept | _LOWEST_BIT
        row.tab_highest[slot] = event.seq
        return NEW
    if -ahead < _SEQ_WINDOW:
        bit = _LOWEST_BIT << np.uint64(-ahead)
        if row.tab_seen[slot] & bit:
            return DUPLICATE
        row.tab_seen[slot] |= bit
        return NEW
    return DUPLICATE if _remembered(row, event.event_id) else UNDECIDED


@njit
def _slot_of(row: Record, tab: int) -> int:
    for slot in range(min(row.tabs_made, _TABS)):
        if row.tab[slot] == tab:
            return slot
    return -1


@njit
def _open_tab(row: Record, event: Record) -> None:
    slot = row.tabs_made % _TABS
    row.tab[slot] = event.tab
    row.tab_highest[slot] = event.seq
    row.tab_seen[slot] = _LOWEST_BIT
    # From the first full round on the number runs in a circle, so that it never overflows.
    row.tabs_made = row.tabs_made + 1 if row.tabs_made < 2 * _TABS - 1 else _TABS


@njit
def _remembered(row: Record, event_id: int) -> bool:
    found = False
    for k in range(_REMEMBERED):
        found |= row.event_ids[k] == event_id
    return found
