"""Facts that an event states, of which the visit keeps the last or the highest."""

from __future__ import annotations

import numpy as np

from models.behaviour.codes import FUNNEL_STAGE, IS_ACTIVITY
from models.behaviour.layout import UNKNOWN
from models.jit import Record, njit


@njit
def fold_facts(row: Record, event: Record) -> None:
    """What the event states of the visitor and the page."""
    row.personalization = event.personalization
    row.funnel = max(row.funnel, FUNNEL_STAGE[event.type])
    if event.logged_in != UNKNOWN:
        row.logged_in = event.logged_in
    if event.returning != UNKNOWN:
        row.returning = event.returning
    if event.prior_conversion != UNKNOWN:
        row.prior_conversion = event.prior_conversion
    if event.explored_today >= 0:
        row.explored_today = event.explored_today
    if not np.isnan(event.shipping_cost):
        row.shipping_cost = event.shipping_cost
    if not np.isnan(event.scroll_depth):
        row.scroll_max = max(np.float64(row.scroll_max), event.scroll_depth)
    if not np.isnan(event.dwell_s):
        row.dwell_s = np.float64(row.dwell_s) + event.dwell_s


@njit
def fold_activity(row: Record, event: Record, offset: int) -> None:
    """An activity, `offset` ms after the visit's start, ends the silence."""
    if IS_ACTIVITY[event.type]:
        row.active = max(row.active, offset)
        row.silent = 0
        row.page_type = event.page_type
