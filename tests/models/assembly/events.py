"""Records about one container, as its producers would write them."""

from __future__ import annotations

from typing import Any

from models.assembly.config import HOUR_MS, MINUTE_MS, AssemblyConfig
from models.assembly.parents import ContainerStats

MIDNIGHT = 1_760_054_400_000
"""2025-10-10 00:00 UTC: the beginning of an event-hour."""
BORN = MIDNIGHT + HOUR_MS
RETIRED = MIDNIGHT + 10 * HOUR_MS + 20 * MINUTE_MS
CONFIG = AssemblyConfig()
FIRST = RETIRED + CONFIG.first_revision_ms
FINAL = RETIRED + CONFIG.final_revision_ms
PAGE = {"component_path": "HERO > CTA", "contrast_ratio": 4.5, "components": {"HERO": 1, "CTA": 2}}
CLAIMED = {"urgency": 0.0, "scarcity": 0.0, "trust": 0.8, "friction": -0.2, "aesthetic_complexity": 0.0}


def mutation(version: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"m-{version}",
        "site_id": "shop",
        "container_id": "c-1",
        "parent_id": "c-0",
        "version": version,
        "occurred_at": BORN,
        "sent_at": BORN,
        "received_at": BORN,
        "before": PAGE,
        "after": PAGE | {"component_path": "HERO > CTA > SOCIAL_PROOF"},
        "claimed": CLAIMED,
        "hypothesis": "proof near the button",
        **fields,
    }


def tombstone(event_id: str = "t-1", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "site_id": "shop",
        "container_id": "c-1",
        "occurred_at": RETIRED,
        "sent_at": RETIRED,
        "received_at": RETIRED,
        "reason": "underperform",
        **fields,
    }


def activity(n: int = 40, hour: int = BORN, mean_reward: float = 0.5, **fields: Any) -> dict[str, Any]:
    return {
        "container_id": "c-1",
        "site_id": "shop",
        "source_topic": "session-event",
        "source_partition": 0,
        "hour": hour,
        "n": n,
        "reward_sum": n * mean_reward,
        "reward_sum_sq": n * mean_reward * mean_reward + 0.01 * n,
        "converted": n // 10,
        "several": n // 4,
        "holdout_n": 0,
        "holdout_reward_sum": 0.0,
        "holdout_reward_sum_sq": 0.0,
        "feature_set": "features-1",
        "mean": [1.0, 2.0],
        "m2": [0.5 * n, 0.0],
        "scorer": "scorer-1",
        "embedding_sum": [float(n), 0.0],
        "embedding_n": n,
        **fields,
    }


def parent_stats(*hours: tuple[int, int, float], watermark: int = RETIRED) -> ContainerStats:
    """Stats of a parent: (hour, visits, mean reward) each."""
    rows = [
        {"hour": hour, "n": n, "reward_sum": n * mean, "reward_sum_sq": n * mean * mean + 0.01 * n}
        for hour, n, mean in hours
    ]
    return ContainerStats.of({"watermark": watermark, "hours": rows})
