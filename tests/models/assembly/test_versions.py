"""Sums of versions: merged exactly, whatever the split and the order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.assembly.versions import VERSIONS_KEPT, Behaviour, Embedding, merged

Float64s = npt.NDArray[np.float64]
FEATURES = 3

visits = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float64, (n, FEATURES), elements=st.floats(-1e6, 1e6, allow_subnormal=False))
)


def behaviour(rows: Float64s, version: str = "f", hour: int = 0) -> Behaviour:
    """Of visits float64[n, features], by the definition."""
    mean = rows.mean(axis=0)
    return Behaviour(version, hour, len(rows), mean, ((rows - mean) ** 2).sum(axis=0))


def together(parts: Sequence[Float64s]) -> Behaviour:
    return reduce(Behaviour.plus, [behaviour(part) for part in parts if len(part)])


@given(visits, st.data())
def test_any_split_in_any_order_merges_to_the_same(rows: Float64s, data: st.DataObject) -> None:
    """Chan's formula gives the mean and m2 of all visits, within 1e-9 of their scale."""
    order = data.draw(st.permutations(range(len(rows))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=5)))
    found = together(np.split(rows[list(order)], cuts))
    whole = behaviour(rows)
    scale = max(float(np.abs(rows).max()), 1e-9)
    assert found.n == len(rows)
    np.testing.assert_allclose(found.mean, whole.mean, rtol=1e-9, atol=1e-9 * scale)
    np.testing.assert_allclose(found.m2, whole.m2, rtol=1e-9, atol=1e-9 * scale * scale * len(rows))


def test_a_large_mean_does_not_swallow_a_small_spread() -> None:
    """Sums of squares would lose it; squared differences from the mean do not."""
    rows = 1e9 + np.arange(100.0).reshape(-1, 1)
    found = together(np.split(rows, [1, 2, 50]))
    assert found.m2[0] / 99 == pytest.approx(rows.var(ddof=1), rel=1e-9)


def test_most_visits_speak_then_the_newest_hour_then_the_highest_name() -> None:
    """Which version stands first is a matter of what is known, never of what came last."""
    one = np.zeros((1, FEATURES))
    kept: tuple[Behaviour, ...] = ()
    for version, hour in (("a", 5), ("c", 3), ("b", 3), ("d", 1), ("d", 1)):
        kept, gone = merged(kept, behaviour(one, version, hour))
        assert gone == 0
    assert [one.version for one in kept] == ["d", "a", "c", "b"]


@given(st.lists(st.tuples(st.integers(0, VERSIONS_KEPT - 1), st.integers(1, 9), st.integers(0, 3))), st.data())
def test_up_to_four_versions_keep_every_visit_in_any_order(
    rows: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """As many versions as are kept can interleave, as in an upgrade, and nothing is lost."""

    def gathered(order: Sequence[tuple[int, int, int]]) -> list[tuple[str, int, int, list[float]]]:
        kept: tuple[Embedding, ...] = ()
        for version, n, hour in order:
            kept, gone = merged(kept, Embedding(f"v-{version}", hour, n, np.array([float(n)])))
            assert gone == 0
        return [(one.version, one.n, one.hour, one.total.tolist()) for one in kept]

    assert gathered(rows) == gathered(data.draw(st.permutations(rows)))
    assert sum(n for _, n, _, _ in gathered(rows)) == sum(n for _, n, _ in rows)


def test_versions_of_one_name_and_two_widths_are_two() -> None:
    """Vectors that cannot be added are kept apart rather than refused."""
    kept, _ = merged((Embedding("v", 0, 2, np.zeros(3)),), Embedding("v", 0, 1, np.zeros(2)))
    assert [len(one.total) for one in kept] == [3, 2]
