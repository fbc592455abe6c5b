"""Sums of rewards by arm: the same bits whichever way deltas came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from models.bandit.deltas import POSTERIOR_LAYOUT, merge, posteriors, summed
from models.rewards.reward import quantized
from schemas.record_type import record_type
from schemas.validation import violations

Delta = dict[str, Any]


def delta(arm: str, rewards: list[float]) -> Delta:
    """The delta of an arm for some rewards, quantized as live makes them."""
    r = quantized(np.array(rewards, np.float64))
    return {
        "arm_id": arm,
        "site_id": f"site-of-{arm}",
        "source_topic": "session-event",
        "source_partition": 0,
        "n": len(r),
        "reward_sum": float(r.sum()),
        "reward_sum_sq": float((r * r).sum()),
    }


def batch(deltas: list[Delta]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(deltas, schema=record_type("reward-delta").arrow_schema)


def after(batches: list[list[Delta]]) -> dict[str, Delta]:
    """The posterior of each arm once every batch was merged."""
    rows = np.repeat(POSTERIOR_LAYOUT.blank, len({one["arm_id"] for deltas in batches for one in deltas}))
    places: dict[str, int] = {}
    for deltas in batches:
        sums = summed(batch(deltas))
        arms = sums.arm_id.to_pylist()
        index = np.array([places.setdefault(arm, len(places)) for arm in arms], np.int64)
        merge(rows, index, sums)
    known = list(posteriors(list(places), rows[: len(places)]))
    schema = record_type("arm-posterior")
    assert violations(pa.RecordBatch.from_pylist(known, schema=schema.arrow_schema), schema) == []
    return {one["arm_id"]: one for one in known}


REWARDS = st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 1)), max_size=40)


@given(REWARDS, st.randoms(use_true_random=False))
def test_any_grouping_and_order_gives_the_same_bits(rewards: list[tuple[str, float]], random: Any) -> None:
    """Each reward alone in one batch, or summed by shuffled groups in several: the same posteriors, bit by bit."""
    one_by_one = after([[delta(arm, [r]) for arm, r in rewards]])
    shuffled = random.sample(rewards, len(rewards))
    groups: list[list[Delta]] = []
    while shuffled:
        size = random.randint(1, len(shuffled))
        taken, shuffled = shuffled[:size], shuffled[size:]
        by_arm = {arm: [r for name, r in taken if name == arm] for arm, _ in taken}
        groups.append([delta(arm, of_arm) for arm, of_arm in by_arm.items()])
    assert after(groups) == one_by_one


def test_a_batch_is_summed_by_arm() -> None:
    """Arms in order of first appearance, each once, with its own site."""
    sums = summed(batch([delta("b", [0.5, 1.0]), delta("a", [0.25]), delta("b", [0.0])]))
    assert sums.arm_id.to_pylist() == ["b", "a"]
    assert sums.site_id.tolist() == [b"site-of-b", b"site-of-a"]
    assert (sums.n.tolist(), sums.reward_sum.tolist(), sums.reward_sum_sq.tolist()) == (
        [3, 1],
        [1.5, 0.25],
        [1.25, 0.0625],
    )


def test_a_slice_of_a_batch_is_only_itself() -> None:
    """What the engine cuts from a poll does not count what lies beside it."""
    whole = batch([delta("a", [1.0]), delta("b", [0.5]), delta("a", [0.25])])
    assert summed(whole.slice(1, 1)).arm_id.to_pylist() == ["b"]
    assert summed(whole.slice(1, 2)).reward_sum.tolist() == [0.5, 0.25]
    assert len(summed(whole.slice(1, 0)).n) == 0


def test_merging_writes_only_the_rows_of_the_arms() -> None:
    """Rows of other arms stay as they are."""
    rows = np.repeat(POSTERIOR_LAYOUT.blank, 3)
    merge(rows, np.array([1]), summed(batch([delta("a", [1.0])])))
    assert (rows[[0, 2]] == POSTERIOR_LAYOUT.blank).all()
    assert rows["n"].tolist() == [0, 1, 0]
