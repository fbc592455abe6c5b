"""Posteriors, activity, tuples and sites as they must be, recomputed by the reference, against what was committed.

`tests.system.ledger` states what must hold between topics; here their content is computed again, from the input and
the rewards. For a stream that has read all there is (`Stream.until_read`).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tests.reference.behaviour import Behaviour, Speaking, of_visits, pooled, speaking
from tests.reference.closed import ClosedVisits
from tests.reference.containers import (
    HOUR_MS,
    ActivityKey,
    Hours,
    Seen,
    Visit,
    expected_activity,
    hour_records,
    hours_of,
    seen_by_container,
)
from tests.reference.parents import beside
from tests.reference.posteriors import expected_posteriors
from tests.reference.site_sums import SiteSums, has_moved, is_news
from tests.reference.tuples import Arrived, by_container, expected_tuple, makings, retirements, tuple_id
from tests.system.committed import Committed, visit_of

Record = dict[str, Any]
Settled = Mapping[str, list[Seen] | None]
"""The visits of each container; None where it is open which count."""

INTERVAL_MS = 10_000
"""How far assembly's time may lie behind that of the sources."""
FIRST_MS = 31 * 60_000 + INTERVAL_MS
"""From a tombstone to the first revision: 30 min, the lateness, the interval."""
FINAL_MS = 24 * HOUR_MS + 60_000
HOLDOUT_SHARE = 0.05
"""Of a site whose config says nothing."""
ROUNDING = 1e-9
"""Relative, and of behaviour absolute: means and squares are merged in another order."""
ROOT_OF_ROUNDING = 1e-8
"""Absolute: the bounds of delta are roots of variances, and rounding leaves some 1e-16 of a variance of 0."""
OF_TIMING = ("revision", "final", "made_at")
"""Fields of a tuple that no reference can tell."""
AGAINST_THE_PARENT = ("parent_n", "parent_mean", "delta", "low", "high")
SITE_COUNTS = ("exposures", "tuples", "tuples_final", "rewards", "rewards_defaulted", "rewards_cut")


def assert_recomputed(committed: Committed, visits: ClosedVisits, master_key: bytes) -> None:
    """All of it."""
    exposed = {visit_of(one) for one in committed.rewards if one["subject"] == "container"}
    held_out = visits.held_out(master_key, committed.holdout_shares, HOLDOUT_SHARE, exposed)
    seen = seen_by_container(committed.rewards, held_out, visits.config)
    watermark = min(visits.watermarks, default=0)
    assert_posteriors(committed)
    assert_activity(committed, seen)
    assert_behaviour(committed, seen, visits)
    assert_stats(committed, settled(committed, seen), watermark)
    assert_tuples(committed, settled(committed, seen), watermark)
    assert_sites(committed, visits)


def assert_posteriors(committed: Committed) -> None:
    """The newest posterior of each arm holds its site and the exact sums of its rewards; no other arm has one."""
    found = {
        arm: {name: value for name, value in one.items() if name != "arm_id"}
        for arm, one in committed.posteriors.items()
    }
    assert found == {arm: one.record for arm, one in expected_posteriors(committed.rewards).items()}


def assert_activity(committed: Committed, seen: Mapping[str, Collection[Seen]]) -> None:
    """By container, site and event-hour: visits, rewards, conversions, several and holdout, exact."""
    found = {key: told.counts for key, told in committed.told.items() if told.counts["n"]}
    assert found == expected_activity(seen)


def assert_behaviour(committed: Committed, seen: Mapping[str, Collection[Seen]], visits: ClosedVisits) -> None:
    """By container, site and event-hour: how many visits have behaviour and how many were scored, exact, and mean and
    squared differences of each feature that the reference knows.

    Of the scorer's inputs the fold leaves out what only live tells (`ClosedVisits.known` says which are there);
    embeddings are those told: the reference has no scorer.
    """
    known = [visits.names.index(name) for name in visits.known]
    groups: defaultdict[ActivityKey, list[Visit]] = defaultdict(list)
    for one in (one for of_container in seen.values() for one in of_container):
        groups[one.container_id, one.site_id, one.hour].append(one.visit)
    for key, of_key in groups.items():
        told = committed.told[key]
        scored = sum(one.n for one in told.embeddings.values())
        assert scored == sum(visit in visits.scored for visit in of_key), key
        found, wanted = pooled(told.behaviours.values()), of_visits([visits.features[visit] for visit in of_key])
        assert_same_behaviour(Behaviour(found.n, found.mean[known], found.m2[known]), wanted, key)
        if committed.decisions is not None and "decisions" in visits.names:
            mean = np.mean([committed.decisions[visit] for visit in of_key])
            np.testing.assert_allclose(found.mean[visits.names.index("decisions")], mean, ROUNDING, ROUNDING)


def assert_same_behaviour(found: Behaviour, wanted: Behaviour, where: object) -> None:
    """The same visits, and the same numbers but for rounding."""
    assert found.n == wanted.n, where
    for name in ("mean", "m2"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(wanted, name), rtol=ROUNDING, atol=ROUNDING, err_msg=f"{where} {name}"
        )


def assert_stats(committed: Committed, seen: Settled, watermark: int) -> None:
    """The newest container-stats of each container hold the exact sums of its event-hours.

    Every visit closed before their watermark is counted, and every visit closed before the last full event-hour.
    Visits that closed later may be counted or not; where there are none the hours are compared.
    """
    retired = by_container(committed.tombstones)
    assert committed.stats.keys() <= {container for container, visits in seen.items() if visits != []} | retired.keys()
    for container, visits in seen.items():
        told = committed.stats.get(container)
        if visits is None:
            continue
        counted = 0 if told is None else told["watermark"]
        final = min((one.at + FINAL_MS for one in retirements(retired.get(container, ()))), default=math.inf)
        surely = [one for one in visits if one.due <= counted or _told_by(one.due, final) <= watermark]
        if told is None:
            assert not surely, f"{container} has no container-stats"
            continue
        n = sum(hour["n"] for hour in told["hours"])
        assert len(surely) <= n <= len(visits), f"{container}: {n} visits in container-stats"
        if n in (len(surely), len(visits)):
            wanted = surely if n == len(surely) else visits
            assert told["hours"] == hour_records(hours_of(wanted)), container


def assert_tuples(committed: Committed, seen: Settled, watermark: int) -> None:
    """Each container retired long enough ago has its revisions, in order, each with the content that follows from what
    had come; the last one, in time, with all of it.

    A revision is compared whole where its visits are known: all, or those that had closed by the time it was made.
    Where it has some more, their number is bounded, and what is computed of them left out; behaviour and embeddings
    are compared where it has all. The parent's hours are those of some container-stats: of all the parent's visits, or
    of those closed by `parent_watermark`; how fresh they must be nobody says, since they are eventually equal. Nor is
    the order of mutations against the time of sessions: those that the container's marker counts as late must not be
    in the final tuple, all others must. Nothing is known of containers whose marker has passed (7 d).
    """
    speaks, revisions = speaking(committed.told), defaultdict[str, list[Record]](list)
    for one in sorted(committed.tuples, key=lambda one: int(one["revision"])):
        revisions[one["container_id"]].append(one)
    mutations, tombstones = by_container(committed.mutations), by_container(committed.tombstones)
    assert revisions.keys() <= tombstones.keys()
    for container, stones in tombstones.items():
        made, named = revisions[container], retirements(stones)
        _assert_revisions(container, made, named, watermark)
        if not made:
            continue
        (tombstone,) = [one for one in named if tuple_id(one) == made[0]["tuple_id"]]
        mark = committed.containers.get(container, {})
        joined = _joined(made, mutations.get(container, []), mark)
        visits = seen.get(container, [])
        for one, mutation in zip(made, joined, strict=True):
            _assert_content(one, tombstone, mutation, visits, speaks.get(container, Speaking()), seen)
        if made[-1]["final"] and visits is not None:
            late = mark.get("late_visits", 0)
            assert made[-1]["reward"]["n"] + late == len(visits), f"{container}: visits of the final tuple"


def assert_sites(committed: Committed, visits: ClosedVisits) -> None:
    """The sums of sites hold every visit closed, by dwell and scroll depth, and count what lies on other topics; the
    newest site-stage of each is no older than it may be, and its medians are those of its visits.

    Which versions there were between depends on batches.
    """
    told: defaultdict[str, SiteSums] = defaultdict(SiteSums)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for delta in committed.site_deltas:
        told[delta["site_id"]].take(delta["visits"], delta["dwell_histogram"], delta["scroll_histogram"])
        counts[delta["site_id"]].update({name: delta[name] for name in SITE_COUNTS})
    assert {site: sums for site, sums in told.items() if sums.visits} == visits.sites
    assert {site: +of_site for site, of_site in counts.items() if +of_site} == _site_counts(committed)
    assert committed.stages.keys() == visits.sites.keys()
    for site, sums in visits.sites.items():
        stage = committed.stages[site]
        dwell_s, scroll = stage["dwell_median_s"], stage["scroll_median"]
        assert stage["sessions"] <= sums.visits, site
        assert not is_news(stage["sessions"], sums.visits), f"{site}: sessions"
        assert not has_moved(dwell_s, sums.dwell_median_s), f"{site}: median dwell"
        assert not has_moved(scroll, sums.scroll_median), f"{site}: median scroll depth"
        if stage["sessions"] == sums.visits:
            wanted = {"dwell_s": sums.dwell_median_s, "scroll": sums.scroll_median}
            assert_same({"dwell_s": dwell_s, "scroll": scroll}, wanted, site)


def assert_same(found: Any, wanted: Any, where: str) -> None:
    """The same names, texts, counts and nulls, and numbers but for rounding."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), where
        for name, value in wanted.items():
            assert_same(found[name], value, f"{where}.{name}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for place, (one, other) in enumerate(zip(found, wanted, strict=True)):
            assert_same(one, other, f"{where}[{place}]")
    elif isinstance(wanted, float) and isinstance(found, float):
        assert math.isclose(found, wanted, rel_tol=ROUNDING, abs_tol=ROOT_OF_ROUNDING), (
            f"{where}: {found}, not {wanted}"
        )
    else:
        assert found == wanted, f"{where}: {found!r}, not {wanted!r}"


def settled(committed: Committed, seen: Mapping[str, list[Seen]]) -> Settled:
    """The visits of each container; None for one that records of several sites name: whose visits then count depends
    on what came first."""
    sites: defaultdict[str, set[str]] = defaultdict(set)
    for arrived_one in (*committed.mutations, *committed.tombstones):
        sites[arrived_one.record["container_id"]].add(arrived_one.record["site_id"])
    for container, visits in seen.items():
        sites[container].update(one.site_id for one in visits)
    return {container: seen.get(container, []) if len(named) == 1 else None for container, named in sites.items()}


def _told_by(due: int, final: float) -> float:
    """The watermark of sources by which container-stats must tell of a visit closed at `due`: in the next event-hour,
    or with the final tuple; never, where it closed after that."""
    in_time = min(due // HOUR_MS * HOUR_MS + HOUR_MS, final) + INTERVAL_MS
    return in_time if due <= final else math.inf


def _assert_revisions(container: str, made: list[Record], named: list[Arrived], watermark: int) -> None:
    """Numbers from 1 without a gap, one id, at most one amendment an event-hour, in time, and final once, at last."""
    assert [one["revision"] for one in made] == list(range(1, len(made) + 1)), container
    assert len({one["tuple_id"] for one in made}) <= 1, container
    assert {one["tuple_id"] for one in made} <= {tuple_id(one) for one in named}, container
    assert not any(one["final"] for one in made[:-1]), container
    marks, visits = [one["made_at"] for one in made], [one["reward"]["n"] for one in made]
    assert marks == sorted(marks), container
    assert visits == sorted(visits), container
    hours = [one["made_at"] // HOUR_MS for one in made if not one["final"]]
    assert len(hours) == len(set(hours)), container
    assert made or max(one.at for one in named) + FIRST_MS > watermark - INTERVAL_MS, f"{container} has no tuple"
    for one in made:
        since = one["made_at"] - one["retired_at"]
        assert one["made_at"] <= watermark, f"{container} has a tuple of the future"
        assert since >= FIRST_MS, f"{container} has a tuple too early"
        assert one["final"] == (since >= FINAL_MS), container
    if made and made[0]["retired_at"] + FINAL_MS <= watermark - INTERVAL_MS:
        assert made[-1]["final"], f"{container} has no final tuple"


def _joined(made: list[Record], mutations: list[Arrived], mark: Record) -> list[Arrived | None]:
    """The mutation that each revision has, one that counted once and never an earlier one than before; the final
    revision's is the one that counts of all that were in time."""
    where, known = made[0]["tuple_id"], [None, *makings(mutations)]
    assert mark.get("mutations", len(mutations)) == len(mutations), f"{where}: mutations counted"
    places = [[place for place, one in enumerate(known) if _is_of(one, revision)] for revision in made]
    assert all(places), f"{where} has a mutation that never counted"
    latest = [place[-1] for place in places]
    assert latest == sorted(latest), f"{where} went back to an earlier mutation"
    if made[-1]["final"]:
        in_time = makings(mutations[: len(mutations) - mark.get("late_mutations", 0)])
        assert len(in_time) in places[-1], f"{where}: the final tuple has another mutation than the one that counts"
    return [known[place] for place in latest]


def _is_of(mutation: Arrived | None, revision: Record) -> bool:
    if mutation is None:
        return revision["mutated_at"] is None
    names = ("before", "after", "claimed", "hypothesis")
    own = mutation.record["parent_id"] == mutation.record["container_id"]
    return (
        revision["mutated_at"] == mutation.at
        and revision["parent_id"] == (None if own else mutation.record["parent_id"])
        and all(revision[name] == mutation.record[name] for name in names)
    )


def _assert_content(
    one: Record,
    tombstone: Arrived,
    mutation: Arrived | None,
    visits: list[Seen] | None,
    speaks: Speaking,
    seen: Settled,
) -> None:
    """One revision says what follows from its tombstone, its mutation, its visits and its parent's."""
    where, of_parent = f"{one['tuple_id']} revision {one['revision']}", one["reward"]["parent_watermark"]
    assert (of_parent is None) == (one["reward"]["parent_n"] is None), where
    mine = _counted(visits, one["reward"]["n"], one["made_at"], where)
    parent = None if of_parent is None else _parent(one, mine, seen.get(one["parent_id"], []), where)
    is_known = of_parent is None or parent is not None
    wanted = expected_tuple(tombstone, mutation, mine or [], speaks, parent if is_known else {})
    left_out = {*OF_TIMING}
    if mine is None:
        left_out |= {"reward", "user", "missing"}
    elif visits is None or len(mine) < len(visits):
        left_out |= {"user"}
    unknown = {"parent_watermark"} if is_known else {"parent_watermark", *AGAINST_THE_PARENT}
    wanted["reward"] |= {name: one["reward"][name] for name in unknown}
    assert_same(_without(one, left_out), _without(wanted, left_out), where)


def _counted(visits: list[Seen] | None, n: int, made_at: int, where: str) -> list[Seen] | None:
    """Which visits a revision counts, of which it says only how many: all, or those closed by then; None for others."""
    if visits is None:
        return None
    surely = [one for one in visits if one.due <= made_at]
    assert len(surely) <= n <= len(visits), f"{where}: {n} visits, of {len(surely)} to {len(visits)}"
    return visits if n == len(visits) else surely if n == len(surely) else None


def _parent(one: Record, mine: list[Seen] | None, visits: list[Seen] | None, where: str) -> Hours | None:
    """Which of the parent's hours a revision counts, likewise."""
    if visits is None or mine is None:
        return None
    n, own = one["reward"]["parent_n"], hours_of(mine)
    known = hours_of(visits)
    surely = hours_of(seen for seen in visits if seen.due <= one["reward"]["parent_watermark"])
    least, most = beside(own, surely).n, beside(own, known).n
    assert least <= n <= most, f"{where}: {n} visits of the parent, of {least} to {most}"
    return known if n == most else surely if n == least else None


def _site_counts(committed: Committed) -> dict[str, Counter[str]]:
    there: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for one in committed.rewards:
        of_decision = one["subject"] == "decision"
        counts = {"rewards": 1, "rewards_defaulted": one["defaulted"], "rewards_cut": one["cut"]}
        there[one["site_id"]].update(counts if of_decision else {"exposures": 1})
    for one in committed.tuples:
        there[one["site_id"]].update({"tuples": one["revision"] == 1, "tuples_final": one["final"]})
    return {site: +counts for site, counts in there.items() if +counts}


def _without(record: Record, names: Collection[str]) -> Record:
    return {name: value for name, value in record.items() if name not in names}
