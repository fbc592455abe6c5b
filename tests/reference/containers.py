"""Who saw each container, and what of it must stand in container-activity and container-stats (docs/assembly.md).

A visit is credited to a container once; the reward of that exposure is one record of reward-update. All else here is
counted from these records.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from typing import Any, NamedTuple

from tests.reference.config import Config
from tests.reference.sums import Sums, in_quanta, summed

HOUR_MS = 3_600_000
HOURS_KEPT = 960
"""Newest event-hours that are told apart (ours: 40 d)."""

Visit = tuple[str, int]
"""Session and start, ms since the epoch."""
Hours = dict[int, Sums]
"""Rewards by event-hour, named by its beginning, ms since the epoch."""


class Seen(NamedTuple):
    """A visit credited to a container."""

    container_id: str
    site_id: str
    visit: Visit
    hour: int
    """Event-hour of the first exposure."""
    due: int
    """The watermark of its partition from which the visit is closed, if it was not before: ms since the epoch."""
    quanta: int
    """Its reward."""
    converted: bool
    several: bool
    """Credited to other containers too."""
    held_out: bool


def seen_by_container(
    rewards: Iterable[Mapping[str, Any]], held_out: Container[Visit], config: Config
) -> dict[str, list[Seen]]:
    """From records of reward-update.avsc, of which those of decisions are passed over; `held_out` are visits."""
    exposures = [one for one in rewards if one["subject"] == "container"]
    containers = Counter((one["session_id"], one["visit_started_at"]) for one in exposures)
    seen: defaultdict[str, list[Seen]] = defaultdict(list)
    for one in exposures:
        visit = one["session_id"], one["visit_started_at"]
        seen[one["container_id"]].append(
            Seen(
                one["container_id"],
                one["site_id"],
                visit,
                one["from"] // HOUR_MS * HOUR_MS,
                closes_at(one["to"], config),
                in_quanta(one["reward"]),
                one["converted"],
                containers[visit] > 1,
                visit in held_out,
            )
        )
    return dict(seen)


def closes_at(last: int, config: Config) -> int:
    """The watermark that hands over a visit whose last event was then: silence and lateness, in steps (D18)."""
    end = last + config.gap_ms + config.lateness_ms
    return math.ceil(end / config.closing_step_ms) * config.closing_step_ms


def rewards_of(seen: Iterable[Seen]) -> Sums:
    """Of all these visits."""
    return summed(one.quanta for one in seen)


def hours_of(seen: Iterable[Seen]) -> Hours:
    """By event-hour, oldest first; of more than 960 the newest."""
    hours: defaultdict[int, list[int]] = defaultdict(list)
    for one in seen:
        hours[one.hour].append(one.quanta)
    return {hour: summed(hours[hour]) for hour in sorted(hours)[-HOURS_KEPT:]}


def hour_records(hours: Hours) -> list[dict[str, Any]]:
    """As container-stats.avsc lists them."""
    return [
        {"hour": hour, "n": sums.n, "reward_sum": sums.total, "reward_sum_sq": sums.total_sq}
        for hour, sums in hours.items()
    ]


COUNTS = (
    *("n", "reward_sum", "reward_sum_sq", "converted", "several"),
    *("holdout_n", "holdout_reward_sum", "holdout_reward_sum_sq"),
)
"""Fields of container-activity.avsc that add up exactly."""
ActivityKey = tuple[str, str, int]
"""Container, site and event-hour."""


def expected_activity(seen: Mapping[str, Iterable[Seen]]) -> dict[ActivityKey, dict[str, float]]:
    """The counts and sums to which the rows of container-activity must add up, by container, site and event-hour.

    How many rows there are, and which partition's visits a row holds, depends on batches.
    """
    groups: defaultdict[ActivityKey, list[Seen]] = defaultdict(list)
    for of_one in seen.values():
        for one in of_one:
            groups[one.container_id, one.site_id, one.hour].append(one)
    return {key: _activity(of_key) for key, of_key in groups.items()}


def _activity(seen: list[Seen]) -> dict[str, float]:
    rewards, held = rewards_of(seen), rewards_of(one for one in seen if one.held_out)
    return {
        "n": rewards.n,
        "reward_sum": rewards.total,
        "reward_sum_sq": rewards.total_sq,
        "converted": sum(one.converted for one in seen),
        "several": sum(one.several for one in seen),
        "holdout_n": held.n,
        "holdout_reward_sum": held.total,
        "holdout_reward_sum_sq": held.total_sq,
    }
