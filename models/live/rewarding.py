"""The rewards of decisions and of exposures to containers, as the records that tell them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.actions import ACTIONS
from models.ava.actions import arm_id
from models.ava.history import NO_FRICTION, friction_id
from models.ava.records import numbered
from models.ava.sites import SiteContext
from models.behaviour.config import SECOND_MS
from models.live.exposed import Exposed
from models.rewards.reward import Rewards, rewards
from schemas.vocabulary import symbols

RESULTS = symbols("decision", "result")
HOLDOUT = RESULTS.index("holdout")
RESULT_CODE = {result: code for code, result in enumerate(RESULTS)}
CONTAINER_ARM = "c:"
"""What the arms of containers begin with, `c:<site>:<container>`; those of interventions begin with `a:`."""

Floats = npt.NDArray[np.float64]


def decision_rewards(outcomes: npt.NDArray[np.void], dwell_median_s: Floats, scroll_median: Floats) -> Rewards:
    """The reward of each of o decisions: `outcomes` are effects.OUTCOME_DTYPE[o], the medians float64[o] its site's."""
    return rewards(
        outcomes["converted"],
        outcomes["dwell_s"].astype(np.float64),
        outcomes["scroll"].astype(np.float64),
        # The page it was decided on, and those after it.
        outcomes["pages"].astype(np.int64) + 1,
        outcomes["last_ms"] / SECOND_MS,
        outcomes["dismissed"],
        outcomes["events"] == 0,
        dwell_median_s,
        scroll_median,
    )


def decision_reward_records(
    outcomes: npt.NDArray[np.void], worth: Rewards, sessions: Sequence[str], sites: Sequence[SiteContext]
) -> Iterator[dict[str, Any]]:
    """A record of reward-update.avsc for each outcome; `sessions` and `sites` name the session and site of each."""
    for k, (outcome, session, site) in enumerate(zip(outcomes, sessions, sites, strict=True)):
        visit_ms, friction = int(outcome["visit_ms"]), int(outcome["friction"])
        decision = numbered(session, visit_ms, int(outcome["number"]))
        action = ACTIONS[outcome["action"]]
        yield {
            "reward_id": decision,
            "subject": "decision",
            "decision_id": decision,
            "site_id": site.site_id,
            "session_id": session,
            "visit_started_at": visit_ms,
            "result": RESULTS[outcome["result"]],
            "arm_id": arm_id(site.site_id, friction_id(friction), action),
            "friction_id": None if friction == NO_FRICTION else friction_id(friction),
            "action": action,
            "propensity": float(outcome["propensity"]),
            "from": int(outcome["from_ms"]),
            "to": int(outcome["to_ms"]),
            "reward": float(worth.reward[k]),
            "converted": bool(outcome["converted"]),
            "engagement": float(worth.engagement[k]),
            "bounced": bool(worth.bounced[k]),
            "dismissed": bool(outcome["dismissed"]),
            "cut": bool(outcome["cut"]),
            "defaulted": bool(outcome["events"] == 0),
            "site_stage": site.stage_version,
        }


def container_reward_records(
    seen: Exposed, visit_ms: npt.NDArray[np.int64], sessions: Sequence[str], sites: Sequence[SiteContext]
) -> Iterator[dict[str, Any]]:
    """A record of reward-update.avsc for each exposure; the lists are of the closed visits."""
    containers = np.char.decode(seen.container, "utf-8").tolist() if seen.container.size else []
    for x, (visit, container) in enumerate(zip(seen.visit.tolist(), containers, strict=True)):
        yield {
            "reward_id": f"{sessions[visit]}:{visit_ms[visit]}:{CONTAINER_ARM}{container}",
            "subject": "container",
            "container_id": container,
            "site_id": sites[visit].site_id,
            "session_id": sessions[visit],
            "visit_started_at": int(visit_ms[visit]),
            "result": "container",
            "arm_id": f"{CONTAINER_ARM}{sites[visit].site_id}:{container}",
            "from": int(seen.from_ms[x]),
            "to": int(seen.to_ms[x]),
            "reward": float(seen.reward[x]),
            "converted": bool(seen.converted[x]),
            "engagement": float(seen.engagement[x]),
            "bounced": bool(seen.bounced[x]),
            "dismissed": False,
            "cut": False,
            "defaulted": False,
            "site_stage": sites[visit].stage_version,
        }


def arm_deltas(updates: Sequence[dict[str, Any]], topic: str, partition: int) -> Iterator[dict[str, Any]]:
    """A record of reward-delta.avsc for each arm with rewards among `updates`; the holdout feeds no posterior."""
    sums: dict[tuple[str, str], tuple[int, float, float]] = {}
    for update in updates:
        if update["result"] == RESULTS[HOLDOUT]:
            continue
        key = update["arm_id"], update["site_id"]
        n, total, squares = sums.get(key, (0, 0.0, 0.0))
        reward = update["reward"]
        sums[key] = n + 1, total + reward, squares + reward * reward
    for (arm, site_id), (n, total, squares) in sums.items():
        yield {
            "arm_id": arm,
            "site_id": site_id,
            "source_topic": topic,
            "source_partition": partition,
            "n": n,
            "reward_sum": total,
            "reward_sum_sq": squares,
        }
