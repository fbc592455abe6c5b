"""The product's assembly makes what the reference makes, of any records in any order."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assembly.config import HOUR_MS
from models.assembly.container import due_at, on_time
from models.assembly.parents import ContainerStats
from models.assembly.state import Container
from tests.models.assembly.events import BORN, CONFIG, FINAL, FIRST, RETIRED, mutation, tombstone
from tests.models.assembly.test_order import take
from tests.reference.behaviour import Embedding, Speaking, Told, add_activity, of_visits, speaking, user
from tests.reference.containers import Hours, Seen, hour_records, hours_of
from tests.reference.parents import QUANTILE
from tests.reference.sums import QUANTA, Sums, summed
from tests.reference.tuples import arrived, expected_reward, expected_tuples, interference
from tests.system.recomputed import assert_same

Record = dict[str, Any]
PARENT = "c-0"
WIDTH = 3
"""Features of a visit."""
OF_TIMING = ("revision", "final", "made_at")


class Saw(NamedTuple):
    """A visit and its features."""

    seen: Seen
    features: tuple[float, ...]


kinds = st.tuples(
    st.sampled_from([0, 1, 5]),
    st.integers(0, QUANTA),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.tuples(*[st.floats(-1e4, 1e4, width=32)] * WIDTH),
    st.one_of(st.integers(1, 25), st.sampled_from([9, 10, 20, 30, 100])),
)


def visits(container: str, drawn: Iterable[tuple[Any, ...]]) -> list[Saw]:
    """Each kind as many times as it says."""
    found: list[Saw] = []
    for hour, quanta, converted, several, held, features, times in drawn:
        for number in range(times):
            visit = f"{container}-{len(found)}", number
            at = BORN + hour * HOUR_MS
            found.append(Saw(Seen(container, "shop", visit, at, 0, quanta, converted, several, held), features))
    return found


def activity(saws: Sequence[Saw]) -> Record:
    """A row of container-activity for visits of one event-hour."""
    seen = [one.seen for one in saws]
    held = summed(one.quanta for one in seen if one.held_out)
    rewards, behaviour = summed(one.quanta for one in seen), of_visits([one.features for one in saws])
    return {
        "container_id": seen[0].container_id,
        "site_id": seen[0].site_id,
        "source_topic": "session-event",
        "source_partition": 0,
        "hour": seen[0].hour,
        "n": rewards.n,
        "reward_sum": rewards.total,
        "reward_sum_sq": rewards.total_sq,
        "converted": sum(one.converted for one in seen),
        "several": sum(one.several for one in seen),
        "holdout_n": held.n,
        "holdout_reward_sum": held.total,
        "holdout_reward_sum_sq": held.total_sq,
        "feature_set": "features-1",
        "mean": behaviour.mean.tolist(),
        "m2": behaviour.m2.tolist(),
        "scorer": "scorer-1",
        "embedding_sum": [float(rewards.quanta), 0.0],
        "embedding_n": rewards.n,
    }


def rows_of(saws: Iterable[Saw], source: random.Random) -> list[Record]:
    """Their rows, each visit in one of up to three of its hour."""
    groups: defaultdict[tuple[int, int], list[Saw]] = defaultdict(list)
    for one in saws:
        groups[one.seen.hour, source.randrange(3)].append(one)
    return [activity(group) for group in groups.values()]


def revisions(batches: Iterable[tuple[Sequence[Record], int]], parent: Hours | None) -> list[Record]:
    """What the product makes of batches, each with the watermark after it; `parent`: what is known of c-0."""
    stats = None if parent is None else ContainerStats.of({"watermark": BORN, "hours": hour_records(parent)})
    container: Container | None = None
    made = []
    for records, watermark in batches:
        for record in records:
            container = take(container, record, watermark)
        if container is None or (due := due_at(container, CONFIG)) is None or due > watermark:
            continue
        named = stats if container.parent_id == PARENT else None
        container, effects = on_time(container, watermark, named, CONFIG)
        made += [] if effects.tuple_revision is None else [effects.tuple_revision]
    return made


def wanted(mutations: Sequence[Record], tombstones: Sequence[Record], saws: Sequence[Saw], parent: list[Saw]) -> Record:
    """What the reference makes of all these; behaviour by definition, from each visit."""
    speaks = Speaking()
    if saws:
        embeddings = Embedding(len(saws), np.array([sum(one.seen.quanta for one in saws), 0.0]))
        speaks = Speaking("features-1", of_visits([one.features for one in saws]), "scorer-1", embeddings)
    seen = {name: [one.seen for one in of_one] for name, of_one in (("c-1", saws), (PARENT, parent)) if of_one}
    generated, stones = ([arrived(record, 0, "event") for record in records] for records in (mutations, tombstones))
    (made,) = expected_tuples(generated, stones, seen, {"c-1": speaks}).values()
    return made


def assert_is(found: Record, expected: Record) -> None:
    """They say the same, but for what depends on timing."""
    reward = {name: value for name, value in found["reward"].items() if name != "parent_watermark"}
    said = {name: value for name, value in found.items() if name not in OF_TIMING}
    assert_same(said | {"reward": reward}, expected, found["tuple_id"])


mutations = st.builds(
    mutation,
    st.integers(1, 3),
    event_id=st.sampled_from(["m-1", "m-2"]),
    occurred_at=st.sampled_from([BORN, BORN + 1, RETIRED + 1]),
    parent_id=st.sampled_from([PARENT, PARENT, None, "c-1"]),
).map(lambda made: made | {"hypothesis": " ".join(str(made[n]) for n in ("event_id", "version", "parent_id"))})
tombstones = st.builds(tombstone, st.sampled_from(["t-1", "t-2"]), occurred_at=st.sampled_from([RETIRED, RETIRED - 9]))
drawn = st.lists(kinds, max_size=5)
sources = st.randoms(use_true_random=False)


@given(st.lists(mutations, max_size=3), st.lists(tombstones, min_size=1, max_size=3), drawn, drawn, sources)
def test_what_came_in_time_is_in_the_tuple(
    made: list[Record], retired: list[Record], of_own: list[Any], of_parent: list[Any], source: random.Random
) -> None:
    """In any order and any batches: revision 1 and the final one say all of what came."""
    saws, parent = visits("c-1", of_own), visits(PARENT, of_parent)
    story = [*made, *retired, *rows_of(saws, source)]
    source.shuffle(story)
    cut = source.randint(0, len(story))
    batches = [(story[:cut], source.randint(BORN, FIRST - 9)), (story[cut:], FIRST - 9), ([], FIRST), ([], FINAL)]
    hours = hours_of(one.seen for one in parent) if parent else None
    found = revisions(batches, hours)
    assert [one["final"] for one in found] == [False, True]
    # The order of those that count alike is theirs in the story.
    made, retired = ([one for one in story if name in one] for name in ("version", "reason"))
    for one in found:
        assert_is(one, wanted(made, retired, saws, parent))


@given(st.lists(mutations, max_size=3), st.lists(tombstones, max_size=2), drawn, drawn, sources)
def test_what_comes_late_is_in_the_final_tuple(
    made: list[Record], repeated: list[Record], of_own: list[Any], of_parent: list[Any], source: random.Random
) -> None:
    """Mutations and visits that come between revision 1 and the final one; later tombstones change nothing."""
    saws, parent = visits("c-1", of_own), visits(PARENT, of_parent)
    late = [*made, *repeated, *rows_of(saws, source)]
    source.shuffle(late)
    first = tombstone("t-0", occurred_at=RETIRED - 8)
    marks = sorted(source.randint(FIRST, FINAL - 9) for _ in late)
    batches = [([first], FIRST - 8), *(([one], mark) for one, mark in zip(late, marks, strict=True)), ([], FINAL)]
    found = revisions(batches, hours_of(one.seen for one in parent) if parent else None)
    assert found[-1]["final"]
    assert_is(found[-1], wanted([one for one in late if "version" in one], [first], saws, parent))


@pytest.mark.parametrize("n", [0, 1, 9, 10, 29, 30, 100, 101])
@pytest.mark.parametrize("of_parent", [0, 29, 30])
def test_bounds_of_visits_are_where_they_are_said_to_be(n: int, of_parent: int) -> None:
    """10 for behaviour, 30 for a mean and for the parent's, 100 for a Beta: the bound itself and the number beside."""
    source = random.Random(n)

    def some(container: str, count: int) -> list[Saw]:
        features = (1.0, 2.0, 3.0)
        return visits(container, [(0, source.randrange(QUANTA), True, k % 2, k % 2, features, 1) for k in range(count)])

    saws, parent = some("c-1", n), some(PARENT, of_parent)
    hours = hours_of(one.seen for one in parent) if parent else None
    story = [mutation(parent_id=PARENT), tombstone(), *rows_of(saws, source)]
    (final,) = revisions([(story, FINAL)], hours)
    assert_is(final, wanted(story[:1], story[1:2], saws, parent))


def saw(quanta: int, held: bool = False, hour: int = BORN, **fields: Any) -> Seen:
    return Seen("c-1", "shop", ("s", 0), hour, 0, quanta, False, False, held)._replace(**fields)


def test_a_reward_by_hand() -> None:
    """Worked out on paper: 20 rewards of 1 and 20 of 0, beside 30 of the parent at 1/4."""
    own = [saw(QUANTA)] * 20 + [saw(0)] * 20 + [saw(0, hour=BORN + HOUR_MS)] * 10
    parent = {BORN: Sums(30, 30 * QUANTA // 4, 30 * QUANTA**2 // 16), BORN - HOUR_MS: Sums(99, 0, 0)}
    found = expected_reward(own, parent)
    variance = (20 - 20 * 20 / 50) / 49
    assert (found["n"], found["mean"], found["parent_n"], found["parent_mean"]) == (50, 0.4, 30, 0.25)
    assert found["variance"] == pytest.approx(variance)
    assert found["thompson_mean"] == pytest.approx(21 / 52)
    assert found["delta"] - found["low"] == pytest.approx(1.6448536 * (variance / 50) ** 0.5, rel=1e-6)
    assert pytest.approx(1.6448536, rel=1e-6) == QUANTILE


def test_the_holdout_is_compared_with_the_others() -> None:
    """From 10 visits on either side; equal rewards on both sides leave no error to exceed."""
    held, others = summed([QUANTA] * 10), summed([QUANTA // 2] * 10)
    assert interference(held, others) == (0.5, True)
    assert interference(held.less(Sums(1, QUANTA, QUANTA**2)), others) == (None, False)
    assert interference(held, held) == (0.0, False)
    few, more, most = (summed([QUANTA] * ones + [0] * (50 - ones)) for ones in (19, 28, 30))
    assert [interference(one, few)[1] for one in (more, most)] == [False, True], "2.2 standard errors, not 1.8"
    told = expected_reward([saw(QUANTA, held=True)] * 10 + [saw(QUANTA // 2)] * 20, None)
    assert (told["holdout_difference"], told["interference"]) == (0.5, True)


@given(drawn.filter(len), sources)
def test_rows_pool_to_the_behaviour_of_their_visits(of_own: list[Any], source: random.Random) -> None:
    """However visits fall into rows, the rows' mean and variance are those of the visits."""
    saws = visits("c-1", of_own)
    told: defaultdict[Any, Told] = defaultdict(Told)
    add_activity(told, rows_of(saws, source))
    whole = Speaking("features-1", of_visits([one.features for one in saws]))
    found = speaking(told)["c-1"]._replace(scorer=None, embedding=None)
    assert_same(user(found, 0, len(saws)), user(whole, 0, len(saws)), "user")


def test_the_version_with_most_visits_speaks() -> None:
    """Then the newest event-hour, then the highest name."""
    told: defaultdict[Any, Told] = defaultdict(Told)
    row = activity([Saw(saw(0), (1.0,) * WIDTH)] * 10)
    add_activity(told, [row, row | {"feature_set": "features-0", "hour": BORN + HOUR_MS}])
    assert speaking(told)["c-1"].feature_set == "features-0"
    add_activity(told, [row | {"scorer": "scorer-0", "embedding_n": 30}])
    assert (speaking(told)["c-1"].feature_set, speaking(told)["c-1"].scorer) == ("features-1", "scorer-0")
    add_activity(told, [row | {"feature_set": "features-2"}, row | {"feature_set": "features-2", "hour": BORN - 1}])
    assert speaking(told)["c-1"].feature_set == "features-2"
