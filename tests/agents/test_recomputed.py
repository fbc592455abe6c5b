"""What the stream makes of the shop's records, agents of assembly and all, is what the reference makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from agents.assembly import parents
from tests.agents.in_memory import Stream
from tests.models.live.partition import KEY
from tests.reference.closed import ClosedVisits
from tests.system.committed import Committed
from tests.system.recomputed import assert_recomputed

Record = dict[str, Any]


@pytest.fixture(scope="module")
def recomputable() -> Iterator[tuple[Committed, ClosedVisits]]:
    stream = Stream()
    yield asyncio.run(stream.flow()), stream.visits
    for container in {one["container_id"] for one in stream.made["container-stats"]}:
        parents.apply(container, None, 0)


def test_the_shop_comes_to_what_the_reference_says(recomputable: tuple[Committed, ClosedVisits]) -> None:
    """Posteriors, activity with behaviour, container-stats, every revision of every tuple, and sites."""
    assert_recomputed(*recomputable, KEY)


def the_tuple(committed: Committed, **with_it: int) -> Record:
    """The final tuple with most visits, one with a parent's where `parent_n` is asked for."""
    finals = [one for one in committed.tuples if one["final"] and one["reward"]["n"] >= 30]
    return max(
        finals, key=lambda one: ((one["reward"]["parent_n"] or 0) * with_it.get("parent", 0), one["reward"]["n"])
    )


def with_tuple(committed: Committed, changed: Record, **fields: Any) -> Committed:
    """With other fields in one revision."""
    tuples = [one | fields if one is changed else one for one in committed.tuples]
    return replace(committed, tuples=tuples)


def with_reward(committed: Committed, name: str, value: Callable[[Any], Any], parent: int = 0) -> Committed:
    one = the_tuple(committed, parent=parent)
    return with_tuple(committed, one, reward=one["reward"] | {name: value(one["reward"][name])})


def with_user(committed: Committed, name: str, value: Callable[[Any], Any]) -> Committed:
    one = the_tuple(committed)
    return with_tuple(committed, one, user=one["user"] | {name: value(one["user"][name])})


def with_first(committed: Committed, name: str, value: Callable[[Any], Any]) -> Committed:
    """With the first of the records, or of the keys, of a topic changed; None drops it."""
    found: Any = getattr(committed, name)
    if isinstance(found, dict):
        key = next(iter(found))
        changed: Any = {**found, key: value(found[key])}
    else:
        changed = [one for one in (value(found[0]), *found[1:]) if one is not None]
    return replace(committed, **{name: changed})


def with_told(committed: Committed, **counts: float) -> Committed:
    """With more in the activity of one container and hour."""
    key = next(iter(committed.told))
    told = deepcopy(committed.told[key])
    for name, amount in counts.items():
        told.counts[name] += amount
    return replace(committed, told=committed.told | {key: told})


def with_behaviour(committed: Committed) -> Committed:
    key = next(iter(committed.told))
    told = deepcopy(committed.told[key])
    for behaviour in told.behaviours.values():
        behaviour.mean[0] += 1e-6
    return replace(committed, told=committed.told | {key: told})


def without(committed: Committed, changed: Record) -> Committed:
    return replace(committed, tuples=[one for one in committed.tuples if one is not changed])


def with_hour(stats: Record) -> Record:
    return stats | {"hours": [one | {"reward_sum": one["reward_sum"] + QUANTUM} for one in stats["hours"]]}


def joined(committed: Committed) -> Record:
    return next(one for one in committed.tuples if one["final"] and one["mutated_at"] is not None)


UNMADE = {"parent_id", "mutated_at", "before", "after", "claimed", "hypothesis"}
QUANTUM = 2.0**-12
WRONGS: dict[str, Callable[[Committed], Committed]] = {
    "a posterior with a quantum more": lambda c: with_first(
        c, "posteriors", lambda one: one | {"reward_sum": one["reward_sum"] + QUANTUM}
    ),
    "a posterior of one reward twice": lambda c: with_first(c, "posteriors", lambda one: one | {"n": one["n"] + 1}),
    "a posterior of another site": lambda c: with_first(c, "posteriors", lambda one: one | {"site_id": "other"}),
    "a reward lost": lambda c: with_first(c, "rewards", lambda one: None),
    "activity twice": lambda c: with_told(c, n=1),
    "activity with another holdout": lambda c: with_told(c, holdout_n=1),
    "activity that converted": lambda c: with_told(c, converted=1),
    "another behaviour": with_behaviour,
    "container-stats with a quantum more": lambda c: with_first(c, "stats", with_hour),
    "container-stats of before": lambda c: with_first(c, "stats", lambda one: one | {"hours": []}),
    "a tuple lost": lambda c: without(c, the_tuple(c)),
    "a tuple twice": lambda c: replace(c, tuples=[*c.tuples, the_tuple(c)]),
    "a tuple without its mutation": lambda c: with_tuple(
        c, joined(c), **dict.fromkeys(UNMADE), missing=["mutation", *joined(c)["missing"]]
    ),
    "a tuple of another page": lambda c: with_tuple(c, joined(c), after=joined(c)["before"]),
    "a tuple that misses nothing": lambda c: with_tuple(c, the_tuple(c), missing=["activity"]),
    "a tuple for another reason": lambda c: with_tuple(c, the_tuple(c), reason="nobody knows"),
    "a tuple too early": lambda c: with_tuple(c, the_tuple(c), made_at=the_tuple(c)["retired_at"]),
    "a tuple of one visit less": lambda c: with_reward(c, "n", lambda n: n - 1),
    "another mean": lambda c: with_reward(c, "mean", lambda mean: mean + 1e-7),
    "another variance": lambda c: with_reward(c, "variance", lambda variance: variance + 1e-7),
    "another Thompson mean": lambda c: with_reward(c, "thompson_mean", lambda mean: mean + 1e-7),
    "a visit of the parent more": lambda c: with_reward(c, "parent_n", lambda n: n + 1, parent=1),
    "another mean of the parent": lambda c: with_reward(c, "parent_mean", lambda mean: mean + 1e-7, parent=1),
    "another delta": lambda c: with_reward(c, "delta", lambda delta: delta + 1e-7, parent=1),
    "another bound": lambda c: with_reward(c, "low", lambda low: low + 1e-7, parent=1),
    "another number of conversions": lambda c: with_reward(c, "converted", lambda n: n + 1),
    "another share of several": lambda c: with_user(c, "several_share", lambda share: share + 1e-7),
    "a mean feature": lambda c: with_user(c, "mean", lambda mean: [mean[0] + 1e-6, *mean[1:]]),
    "a feature's variance": lambda c: with_user(c, "variance", lambda all_of: [all_of[0] + 1e-6, *all_of[1:]]),
    "an embedding": lambda c: with_user(c, "embedding", lambda all_of: [all_of[0] + 1e-6, *all_of[1:]]),
    "a site's visit twice": lambda c: with_first(c, "site_deltas", lambda one: one | {"visits": one["visits"] + 1}),
    "a site's tuple twice": lambda c: with_first(c, "site_deltas", lambda one: one | {"tuples": one["tuples"] + 1}),
    "a site-stage of long ago": lambda c: with_first(c, "stages", lambda one: one | {"sessions": one["sessions"] // 2}),
    "a site's median": lambda c: with_first(
        c, "stages", lambda one: one | {"dwell_median_s": one["dwell_median_s"] * 1.02}
    ),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_wrong_is_found(recomputable: tuple[Committed, ClosedVisits], wrong: str) -> None:
    """Each figure that is a little off, each record that is lost or there twice."""
    committed, visits = recomputable
    with pytest.raises(AssertionError):
        assert_recomputed(WRONGS[wrong](committed), visits, KEY)


def test_the_shop_has_what_can_go_wrong(recomputable: tuple[Committed, ClosedVisits]) -> None:
    """Tuples with a delta, with behaviour, amended ones, holdout visits, and every odd case of containers."""
    tuples = recomputable[0].tuples
    assert sum(one["reward"]["delta"] is not None for one in tuples) > 3
    assert sum(len(one["user"]["mean"]) > 0 and len(one["user"]["embedding"]) > 0 for one in tuples) > 50
    assert max(one["revision"] for one in tuples) == 3
    assert {name for one in tuples for name in one["missing"]} == {"mutation", "activity", "parent"}
