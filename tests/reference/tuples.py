"""The training tuple of a container, from its mutations, its tombstones and those who saw it (docs/assembly.md).

What depends on timing is an argument or left to the caller: which of the records had come (a revision may be made
before the others do), what of the parent's hours was known then, `revision`, `made_at`, `parent_watermark`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NamedTuple

from tests.reference.behaviour import MIN_VISITS, Speaking, user
from tests.reference.clock import arrival, event_time
from tests.reference.containers import Hours, Seen, hours_of, rewards_of
from tests.reference.parents import beside, difference, standard_error
from tests.reference.sums import Sums

Record = Mapping[str, Any]

EARLIEST_MS, LATEST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: what readers admit as a time."""
SUFFICIENT_VISITS = 30
BETA_VISITS = 100
INTERFERENCE_ERRORS = 2.0


class Arrived(NamedTuple):
    """A record of mutation or tombstone, and its event time, ms since the epoch."""

    record: Record
    at: int


def arrived(record: dict[str, Any], timestamp: int, clock: Literal["wall", "event"]) -> Arrived:
    """A record as it was read; `timestamp` is Kafka's."""
    at = event_time(record, arrival(record, timestamp, clock))
    return Arrived(record, min(max(at, EARLIEST_MS), LATEST_MS))


def by_container(records: Iterable[Arrived]) -> dict[str, list[Arrived]]:
    """In the order in which they came: those of a container share a partition."""
    containers: defaultdict[str, list[Arrived]] = defaultdict(list)
    for one in records:
        containers[one.record["container_id"]].append(one)
    return dict(containers)


def retirements(tombstones: Iterable[Arrived]) -> list[Arrived]:
    """Each tombstone that was the earliest so far: the last of them names the tuple, unless an earlier one had come in
    time for revision 1, which names it for good."""
    firsts: list[Arrived] = []
    for one in tombstones:
        if not firsts or _order(one) < _order(firsts[-1]):
            firsts.append(one)
    return firsts


def makings(mutations: Iterable[Arrived]) -> list[Arrived]:
    """Each mutation that counted when it came: of the highest version so far, of equal ones the earliest."""
    bests: list[Arrived] = []
    for one in mutations:
        if not bests or _rank(one) < _rank(bests[-1]):
            bests.append(one)
    return bests


def tuple_id(tombstone: Arrived) -> str:
    """The same in all revisions."""
    return f"{tombstone.record['container_id']}:{tombstone.at}"


def expected_tuple(
    tombstone: Arrived,
    mutation: Arrived | None,
    seen: Collection[Seen],
    speaking: Speaking,
    parent: Hours | None,
) -> dict[str, Any]:
    """A record of training-tuple.avsc without `revision`, `final`, `made_at`, and `parent_watermark` in its reward.

    `parent`: what its container-stats told of the parent that the mutation names; None where they told nothing.
    """
    made: Record = {} if mutation is None else mutation.record
    container = tombstone.record["container_id"]
    named = made.get("parent_id")
    rewards = rewards_of(seen)
    absent = {
        "mutation": mutation is None,
        "activity": not rewards.n,
        "parent": named is not None and (named == container or parent is None),
    }
    return {
        "tuple_id": tuple_id(tombstone),
        "container_id": container,
        "site_id": tombstone.record["site_id"],
        "parent_id": None if named == container else named,
        "missing": [name for name, is_absent in absent.items() if is_absent],
        "mutated_at": None if mutation is None else mutation.at,
        "retired_at": tombstone.at,
        "reason": tombstone.record["reason"],
        "before": made.get("before"),
        "after": made.get("after"),
        "claimed": made.get("claimed"),
        "observed": None,
        "hypothesis": made.get("hypothesis"),
        "user": user(speaking, sum(one.several for one in seen), rewards.n),
        "reward": expected_reward(seen, None if named is None or named == container else parent),
    }


def expected_reward(seen: Collection[Seen], parent: Hours | None) -> dict[str, Any]:
    """The `reward` of a tuple without `parent_watermark`."""
    rewards, held = rewards_of(seen), rewards_of(one for one in seen if one.held_out)
    sufficient = rewards.n >= SUFFICIENT_VISITS
    together = Sums() if parent is None else beside(hours_of(seen), parent)
    comparable = together.n >= SUFFICIENT_VISITS
    against = difference(rewards, together) if sufficient and comparable else None
    within, flagged = interference(held, rewards.less(held))
    return {
        "n": rewards.n,
        "insufficient": not sufficient,
        "mean": rewards.mean if sufficient else None,
        "variance": rewards.variance if sufficient else None,
        "thompson_mean": thompson_mean(rewards) if sufficient else None,
        "parent_mean": together.mean if comparable else None,
        "parent_n": None if parent is None else together.n,
        "drift": None,
        "delta": against.delta if against else None,
        "low": against.low if against else None,
        "high": against.high if against else None,
        "converted": sum(one.converted for one in seen) if rewards.n >= MIN_VISITS else 0,
        "late_conversions": 0,
        "holdout_difference": within,
        "interference": flagged,
    }


def thompson_mean(rewards: Sums) -> float:
    """Mean of Beta(1 + sum r, 1 + n - sum r) up to 100 visits, of Normal(mean, s^2/n) above (DOMAIN 6)."""
    return rewards.mean if rewards.n > BETA_VISITS else (1 + rewards.total) / (2 + rewards.n)


def interference(held: Sums, others: Sums) -> tuple[float | None, bool]:
    """Mean within the holdout less mean outside, and whether it exceeds two standard errors; under 10 visits on either
    side nothing is said."""
    if min(held.n, others.n) < MIN_VISITS:
        return None, False
    apart = held.mean - others.mean
    return apart, abs(apart) > INTERFERENCE_ERRORS * standard_error(held, others)


def expected_tuples(
    mutations: Iterable[Arrived],
    tombstones: Iterable[Arrived],
    seen: Mapping[str, Collection[Seen]],
    speaking: Mapping[str, Speaking],
) -> dict[str, dict[str, Any]]:
    """The content of the final tuple of every retired container, by tuple_id, where all came in time for it.

    For containers that records of one site name: of several, whose visits count depends on what came first. A parent is
    known where anyone saw it or it was retired: only then container-stats tell of it.
    """
    made, retired = by_container(mutations), by_container(tombstones)
    found: dict[str, dict[str, Any]] = {}
    for container, stones in retired.items():
        mutation = next(reversed(makings(made.get(container, ()))), None)
        named = None if mutation is None else mutation.record["parent_id"]
        parent = hours_of(seen.get(named or "", ())) if named in seen or named in retired else None
        tombstone, visits = retirements(stones)[-1], seen.get(container, ())
        found[tuple_id(tombstone)] = expected_tuple(
            tombstone, mutation, visits, speaking.get(container, Speaking()), parent
        )
    return found


def _order(tombstone: Arrived) -> tuple[int, str]:
    return tombstone.at, tombstone.record["event_id"]


def _rank(mutation: Arrived) -> tuple[int, int, str]:
    return -mutation.record["version"], mutation.at, mutation.record["event_id"]
