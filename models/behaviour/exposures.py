"""Which containers a visit saw, and what happened since it saw each (DOMAIN 2 and 6)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from models.behaviour.bounds import COUNT_MAX
from models.behaviour.codes import INTERVENTION_SHOWN, PAGE_PING, PAGE_VIEW
from models.jit import Record, njit


class Exposure(NamedTuple):
    """What counts as an exposure (given, DOMAIN 2)."""

    containers: int = 8
    """Containers a visit remembers; each view of another is counted."""
    credited_ms: int = 1_000
    """In view for so long, a container is credited, once."""


EXPOSURE = Exposure()


@njit
def fold_exposures(row: Record, event: Record, offset: int, another_page: bool, orders: int, shown: Any) -> None:
    """What an event, `offset` ms after the visit's start, says of containers.

    `orders` is how many the event began, `shown` is `uint8[m, 40]`: the containers of the batch, of which the event
    names those from `containers_begin` to `containers_end`.
    """
    if event.type == INTERVENTION_SHOWN:
        return
    if row.containers:
        _fold_since(row, event, another_page, orders)
        if event.type == PAGE_VIEW or event.type == PAGE_PING:
            _end_views(row, event, offset)
    if event.type == PAGE_VIEW:
        for at in range(event.containers_begin, event.containers_end):
            _begin_view(row, event, offset, shown[at])


@njit
def end_all_views(row: Record) -> None:
    """The visit closes: what is in view stays so up to the last event."""
    for k in range(row.containers):
        if row.seen_in_view[k]:
            _end_view(row, k, row.last)


@njit
def _fold_since(row: Record, event: Record, another_page: bool, orders: int) -> None:
    for k in range(row.containers):
        row.seen_orders[k] = min(row.seen_orders[k] + orders, COUNT_MAX)
        row.seen_pages[k] = min(row.seen_pages[k] + another_page, COUNT_MAX)
        if not np.isnan(event.dwell_s):
            row.seen_dwell_s[k] = np.float64(row.seen_dwell_s[k]) + event.dwell_s
        if not np.isnan(event.scroll_depth):
            row.seen_scroll[k] = max(np.float64(row.seen_scroll[k]), event.scroll_depth)


@njit
def _end_views(row: Record, event: Record, offset: int) -> None:
    for k in range(row.containers):
        if row.seen_in_view[k] and row.seen_tab[k] == event.tab:
            _end_view(row, k, offset)


@njit
def _end_view(row: Record, k: int, offset: int) -> None:
    row.seen_in_view[k] = 0
    if offset >= row.seen_at[k] + EXPOSURE.credited_ms:
        row.seen_credited[k] = 1


@njit
def _begin_view(row: Record, event: Record, offset: int, container: Any) -> None:
    k = _place_of(row, container)
    if k < 0:
        row.containers_beyond = min(row.containers_beyond + 1, COUNT_MAX)
        return
    # Still in view, it is so in another tab: this event has ended the views of its own.
    if row.seen_in_view[k] and offset >= row.seen_at[k]:
        _end_view(row, k, offset)
    if row.seen_credited[k] or row.seen_in_view[k]:
        return
    row.seen_in_view[k] = 1
    row.seen_tab[k] = event.tab
    row.seen_at[k] = offset
    row.seen_orders[k] = 0
    row.seen_pages[k] = 0
    row.seen_dwell_s[k] = 0.0
    row.seen_scroll[k] = 0.0


@njit
def _place_of(row: Record, container: Any) -> int:
    """The container's place in the row, a new one where there is room; -1 where there is none."""
    known: int = np.int64(row.containers)
    for k in range(known):
        if _same(row.container[k], container):
            return k
    if known == EXPOSURE.containers:
        return -1
    for at in range(container.size):
        row.container[known][at] = container[at]
    row.containers += 1
    return known


@njit
def _same(one: Any, other: Any) -> bool:
    same = True
    for at in range(one.size):
        same &= one[at] == other[at]
    return same
