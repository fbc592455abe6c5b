"""Visits folded as the stream folds them, stopped at random moments, with what came of each afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.behaviour.codes import PAGE_VIEW, PURCHASE
from models.behaviour.columns import EventColumns, event_columns
from models.behaviour.config import MINUTE_MS, FoldConfig
from models.behaviour.fold import Batch, pass_time
from models.behaviour.layout import SESSION_LAYOUT
from models.training.inputs import moment_matrix
from models.training.visits import Visit
from schemas.clocks import record_times
from schemas.record_type import record_type

MOMENTS = 3
"""Moments taken of a visit, at most one after each event (ours)."""
IN_SILENCE = 0.3
"""Share of the moments that lie in the silence after an event instead of right at it (ours); timers score there."""
REWARD_WAIT_MS = 10 * MINUTE_MS
"""How long a reward counts after the moment (given)."""


class RewardTerms(NamedTuple):
    """The reward of a visit, r = base + converted y + engaged e - bounced b (DOMAIN 6, given).

    A visit without another page bounced where it ends within `bounce_ms` (given). Engagement is measured by a site's
    medians of dwell, s, and scroll depth, 0-1; these where none are known (ours).
    """

    base: float = 0.2
    converted: float = 0.5
    engaged: float = 0.3
    bounced: float = 0.2
    bounce_ms: int = 5_000
    median_dwell_s: float = 60.0
    median_scroll: float = 0.5


REWARD = RewardTerms()

Floats = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
Rows = npt.NDArray[np.void]
Random = np.random.Generator


class Examples(NamedTuple):
    """n moments of visits."""

    features: Floats
    """float32[n, 128], in the order of INPUTS."""
    visit: Int64s
    """int64[n]: which visit, in the order of the source; what is split is split by it."""
    abandonment: Floats
    """float32[n]: 1 where the visit ends with a cart not bought."""
    conversion: Floats
    """float32[n]: 1 where a purchase follows in the visit."""
    reward: Floats
    """float32[n]: r = .2 + .5 y + .3 e - .2 b of what follows within REWARD_WAIT_MS (DOMAIN 6), 0-1."""


class _Moments(NamedTuple):
    after: Int64s
    """int64[m]: place of the last event before each moment."""
    now_ms: Int64s


def examples(visits: Iterable[Visit], random: Random, in_silence: float = IN_SILENCE) -> Examples:
    """Random moments of visits, as the scorer sees them, and what followed.

    `in_silence` is the share of moments, 0-1, that do not lie right at an event. Raises ValueError without visits.
    """
    config = FoldConfig()
    columns, visit = _in_order(visits)
    moments = _moments(columns.time, visit, random, in_silence, config.gap_ms)
    rows, ends = _folded(columns, visit, moments, config)
    whose = visit[moments.after]
    bought = ends["type_count"][whose, PURCHASE] > rows["type_count"][:, PURCHASE]
    return Examples(
        features=moment_matrix(rows, moments.now_ms),
        visit=whose,
        abandonment=(ends["cart_items"][whose] > 0).astype(np.float32),
        conversion=bought.astype(np.float32),
        reward=_rewards(columns, visit, moments),
    )


def _in_order(visits: Iterable[Visit]) -> tuple[EventColumns, Int64s]:
    """The events by visit and time, and the visit of each."""
    numbered = [(number, event) for number, visit in enumerate(visits) for event in visit]
    if not numbered:
        raise ValueError("found no visits to learn from; expected at least one")
    schema = record_type("session-event").arrow_schema
    rows = [{**event, "attributes": list(event["attributes"].items())} for _, event in numbered]
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    times = record_times(batch, np.zeros(len(rows), np.int64), replay=True)
    visit = np.array([number for number, _ in numbered])
    order = np.lexsort((times.event, visit))
    return _taken(event_columns(batch, *times, times.event), order), visit[order]


def _taken(columns: EventColumns, places: Int64s) -> EventColumns:
    kept = {name: getattr(columns, name) for name in ("containers", "sites", "site_hashes")}
    return EventColumns(**{n: kept[n] if n in kept else c[places] for n, c in columns._asdict().items()})


def _moments(time: Int64s, visit: Int64s, random: Random, in_silence: float, gap_ms: int) -> _Moments:
    """Up to MOMENTS of each visit, each after another of its events, at it or in the silence before the next."""
    starts = np.flatnonzero(np.diff(visit, prepend=-1))
    shuffled = np.lexsort((random.random(visit.size), visit))
    rank = np.arange(visit.size) - np.repeat(starts, np.diff(starts, append=visit.size))
    after = np.sort(shuffled[rank < MOMENTS])
    silence = np.full(visit.size, gap_ms)
    same = visit[1:] == visit[:-1]
    silence[:-1][same] = np.diff(time)[same]
    waited = (random.random(after.size) * silence[after]).astype(np.int64)
    return _Moments(after, time[after] + np.where(random.random(after.size) < in_silence, waited, 0))


def _folded(columns: EventColumns, visit: Int64s, moments: _Moments, config: FoldConfig) -> tuple[Rows, Rows]:
    """The rows of the visits at each moment, and at the end of each visit."""
    starts = np.flatnonzero(np.diff(visit, prepend=-1))
    place = np.arange(visit.size) - np.repeat(starts, np.diff(starts, append=visit.size))
    rows = np.repeat(SESSION_LAYOUT.blank, visit[-1] + 1)
    snapshots = np.empty(moments.after.size, SESSION_LAYOUT.dtype)
    for step in range(place.max() + 1):
        now = np.flatnonzero(place == step)
        batch = Batch(visit[now], _taken(columns, now))
        while batch.waiting.size:
            batch.fold(rows, config)
            rows["pending"] = 0
        taken = np.flatnonzero(place[moments.after] == step)
        snapshots[taken] = rows[visit[moments.after[taken]]]
    watermarks = moments.now_ms + config.timer_slack_ms
    # Each has a watermark of its own, but few have a timer that is due.
    for one in np.flatnonzero(snapshots["due_ms"] <= watermarks):
        waiting = np.array([one])
        while waiting.size:
            waiting = pass_time(snapshots, waiting, int(watermarks[one]), config).waiting
            snapshots["pending"][one] = 0
    return snapshots, rows


def _rewards(columns: EventColumns, visit: Int64s, moments: _Moments) -> Floats:
    """`float32[m]`: the reward of what follows each moment; 0 where nothing does."""
    begin = moments.after + 1
    end = _ends(columns.time, visit, moments)
    follows = end > begin
    bought = _summed(columns.type == PURCHASE, begin, end) > 0
    dwell_s = _summed(np.nan_to_num(columns.dwell_s), begin, end)
    scroll = _highest(np.nan_to_num(columns.scroll_depth), begin, end)
    read = np.minimum(1, dwell_s / (2 * REWARD.median_dwell_s))
    engaged = read / 2 + np.minimum(1, scroll / (2 * REWARD.median_scroll)) / 2
    last_ms = columns.time[np.maximum(end - 1, 0)] - moments.now_ms
    pages = _summed(columns.type == PAGE_VIEW, begin, end)
    bounced = ~follows | ((pages == 0) & (last_ms < REWARD.bounce_ms))
    rewards = REWARD.base + REWARD.converted * bought + REWARD.engaged * engaged - REWARD.bounced * bounced
    numbers: Floats = rewards.astype(np.float32)
    return numbers


def _ends(time: Int64s, visit: Int64s, moments: _Moments) -> Int64s:
    """Behind the last event of the moment's visit that a reward still counts."""
    begins_ms = time.min()
    span = max(time.max(), moments.now_ms.max()) - begins_ms + REWARD_WAIT_MS + 1
    keys = visit * span + (time - begins_ms)
    last = visit[moments.after] * span + (moments.now_ms + REWARD_WAIT_MS - begins_ms)
    ends: Int64s = np.maximum(np.searchsorted(keys, last, side="right"), moments.after + 1)
    return ends


def _summed(values: npt.NDArray[np.generic], begin: Int64s, end: Int64s) -> npt.NDArray[np.float64]:
    sums = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    summed: npt.NDArray[np.float64] = sums[end] - sums[begin]
    return summed


def _highest(values: npt.NDArray[np.float64], begin: Int64s, end: Int64s) -> npt.NDArray[np.float64]:
    """The highest of each range, 0 of an empty one; no value is below 0."""
    ranges = np.stack([begin, end], axis=1).ravel()
    highest = np.maximum.reduceat(np.append(values, 0.0), ranges)[::2]
    return np.where(end > begin, highest, 0.0)
