"""What closed visits add to the containers they saw: rewards and behaviour by container and hour (DOMAIN 5, 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.behaviour.columns import SITE_DTYPE
from models.behaviour.config import HOUR_MS, SECOND_MS
from models.behaviour.layout import CONTAINER_DTYPE
from models.behaviour.moment import INPUT_SET
from models.rewards.reward import rewards

_KEY_DTYPE = np.dtype([("container", CONTAINER_DTYPE), ("site", SITE_DTYPE), ("hour", "<i8")])
_NOT_SCORED = -1

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


class Exposed(NamedTuple):
    """The x credited exposures of closed visits; all arrays are `[x]`."""

    visit: Index
    """int64: place of the visit among those closed."""
    container: npt.NDArray[np.bytes_]
    """S40, UTF-8."""
    site: npt.NDArray[np.bytes_]
    """S40, UTF-8."""
    from_ms: Index
    """int64: event time of the exposure."""
    to_ms: Index
    """int64: event time of the visit's last event."""
    reward: Floats
    """float64, 0-1, quantized."""
    engagement: Floats
    """float64, 0-1."""
    bounced: npt.NDArray[np.bool_]
    converted: npt.NDArray[np.bool_]
    several: npt.NDArray[np.bool_]
    """bool: the visit is credited to other containers too."""
    held_out: npt.NDArray[np.bool_]
    """bool: the visitor is in the holdout."""


def exposed(
    closed: npt.NDArray[np.void], dwell_median_s: Floats, scroll_median: Floats, held_out: npt.NDArray[np.bool_]
) -> Exposed:
    """The exposures of c closed visits (`SESSION_LAYOUT.dtype[c]`) with the reward of each, first exposure to close.

    `dwell_median_s`, `scroll_median` (float64[c], NaN where not known) are those of each visit's site, `held_out`
    bool[c].
    """
    visit, place = np.nonzero(closed["seen_credited"])
    of_visit = closed[visit]
    seen = {name: closed[f"seen_{name}"][visit, place] for name in ("at", "orders", "pages", "dwell_s", "scroll")}
    from_ms = of_visit["start_ms"] + seen["at"]
    to_ms = of_visit["start_ms"] + of_visit["last"]
    converted = seen["orders"] > 0
    no = np.zeros(visit.size, np.bool_)
    worth = rewards(
        converted,
        seen["dwell_s"].astype(np.float64),
        seen["scroll"].astype(np.float64),
        # The page that shows the container, and those after it.
        seen["pages"].astype(np.int64) + 1,
        (to_ms - from_ms) / SECOND_MS,
        no,
        no,
        dwell_median_s[visit],
        scroll_median[visit],
    )
    return Exposed(
        visit=visit.astype(np.int64),
        container=closed["container"][visit, place].astype(CONTAINER_DTYPE),
        site=of_visit["site_id"],
        from_ms=from_ms,
        to_ms=to_ms,
        reward=worth.reward,
        engagement=worth.engagement,
        bounced=worth.bounced,
        converted=converted,
        several=np.bincount(visit, minlength=closed.size)[visit] > 1,
        held_out=held_out[visit],
    )


class Embedded(NamedTuple):
    """The s closed visits that were scored: `visit` int64[s], their places, and `embedding` float32[s, 64]."""

    visit: Index
    embedding: npt.NDArray[np.float32]
    scorer: str | None
    """Version of the release."""


NOT_EMBEDDED = Embedded(np.empty(0, np.int64), np.empty((0, 0), np.float32), None)


def activity(
    seen: Exposed, features: npt.NDArray[np.float32], embedded: Embedded, topic: str, partition: int
) -> Iterator[dict[str, Any]]:
    """A record of container-activity.avsc for each container, site and event-hour among the exposures.

    `features` float32[c, 128] are those of the closed visits at their last event, `embedded` tells of those that were
    scored then; `topic` and `partition` say where the visits came from.
    """
    place = np.full(len(features), _NOT_SCORED)
    place[embedded.visit] = np.arange(embedded.visit.size)
    hour = seen.from_ms // HOUR_MS * HOUR_MS
    keys = np.empty(hour.size, _KEY_DTYPE)
    keys["container"], keys["site"], keys["hour"] = seen.container, seen.site, hour
    distinct, group = np.unique(keys, return_inverse=True)
    # Stable, so that each group's exposures keep their order, and with it their sums the last bit.
    by_group = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=distinct.size))
    for key, mine in zip(distinct, np.split(by_group, ends)[:-1], strict=True):
        held = mine[seen.held_out[mine]]
        visits = seen.visit[mine]
        scored = place[visits][place[visits] != _NOT_SCORED]
        behaviour = features[visits].astype(np.float64)
        mean = behaviour.mean(axis=0)
        yield {
            "container_id": key["container"].decode(),
            "site_id": key["site"].decode(),
            "source_topic": topic,
            "source_partition": partition,
            "hour": int(key["hour"]),
            "n": mine.size,
            "reward_sum": float(seen.reward[mine].sum()),
            "reward_sum_sq": float((seen.reward[mine] ** 2).sum()),
            "converted": int(seen.converted[mine].sum()),
            "several": int(seen.several[mine].sum()),
            "holdout_n": held.size,
            "holdout_reward_sum": float(seen.reward[held].sum()),
            "holdout_reward_sum_sq": float((seen.reward[held] ** 2).sum()),
            "feature_set": INPUT_SET,
            "mean": mean.tolist(),
            "m2": ((behaviour - mean) ** 2).sum(axis=0).tolist(),
            "scorer": embedded.scorer if scored.size else None,
            "embedding_sum": embedded.embedding[scored].sum(axis=0, dtype=np.float64).tolist() if scored.size else [],
            "embedding_n": scored.size,
        }
