"""What is to happen to workers."""

from __future__ import annotations

import random
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.system.plans import DEADLY, Plan, deaths
from topics.faults import Point


def deadly_point(plan: Plan) -> str:
    """Where it ends."""
    point, action, _ = plan.faults.split(",")[-1].split(":")
    assert action == "kill"
    return point


def test_every_point_is_one_to_die_at() -> None:
    """None was forgotten when it was named."""
    assert sorted(DEADLY) == sorted(Point)


@given(st.integers(), st.sets(st.sampled_from(DEADLY), min_size=1, max_size=len(DEADLY) - 1))
def test_a_point_at_which_nobody_died_comes_again_before_the_others(seed: int, missed: set[Point]) -> None:
    """Every one comes once, then those that were missed, and all again once none is left."""
    died: set[str] = set()
    plans = deaths(random.Random(seed), lambda: died)
    assert {deadly_point(one) for one in islice(plans, len(DEADLY))} == {one.value for one in DEADLY}
    died |= {one.value for one in set(DEADLY) - missed}
    assert {deadly_point(one) for one in islice(plans, len(missed))} == {one.value for one in missed}
    died |= {one.value for one in missed}
    assert {deadly_point(one) for one in islice(plans, len(DEADLY))} == {one.value for one in DEADLY}
