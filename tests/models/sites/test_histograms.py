"""Histograms add up, and their medians are as near as is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sites.histograms import (
    BINS,
    DWELL_MOST_S,
    DWELL_RATIO,
    SCROLL_WIDTH,
    dwell_bins,
    dwell_histogram,
    dwell_median_s,
    scroll_histogram,
    scroll_median,
)
from schemas.record_type import record_type

DWELLS = st.lists(st.one_of(st.floats(0, 600), st.floats(0, DWELL_MOST_S), st.just(0.0)), min_size=1, max_size=50)
DEPTHS = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=1, max_size=50)
ROUNDING = 1e-9


def lower_median(values: list[float]) -> float:
    return sorted(values)[(len(values) + 1) // 2 - 1]


def test_a_delta_takes_the_bins() -> None:
    """The schema admits as many as there are."""
    for name in ("dwell_histogram", "scroll_histogram"):
        assert record_type("site-delta").field_named(name)["maxItems"] == BINS


@given(DWELLS, st.randoms(use_true_random=False))
def test_histograms_add_up(values: list[float], random: Any) -> None:
    """However values are ordered and grouped, the sum of the parts is the histogram of all."""
    shuffled = np.array(random.sample(values, len(values)))
    cut = random.randint(0, len(values))
    parts = dwell_histogram(shuffled[:cut]) + dwell_histogram(shuffled[cut:])
    assert parts.tolist() == dwell_histogram(np.array(values)).tolist()
    assert (len(parts), parts.sum()) == (BINS, len(values))


@given(DWELLS)
def test_the_median_dwell_is_within_its_bound(values: list[float]) -> None:
    """A fifth of the value above 1 s, 1 s below, nothing at 0."""
    found, true = dwell_median_s(dwell_histogram(np.array(values))), lower_median(values)
    assert found is not None
    bound = 0.0 if true == 0 else max(1.0, true * (DWELL_RATIO - 1))
    assert abs(found - true) <= bound + ROUNDING * true


@given(DEPTHS)
def test_the_median_depth_is_within_its_bound(values: list[float]) -> None:
    """The width of a bin, nothing at 0."""
    found, true = scroll_median(scroll_histogram(np.array(values))), lower_median(values)
    assert found is not None
    assert 0 <= found <= 1
    assert abs(found - true) <= (SCROLL_WIDTH + ROUNDING if true else 0.0)


def test_the_median_of_nothing_is_none() -> None:
    """An empty histogram has no median."""
    assert dwell_median_s(dwell_histogram(np.empty(0))) is None
    assert scroll_median(np.zeros(BINS, np.int64)) is None


@pytest.mark.parametrize(("dwell_s", "expected"), [(0.0, 0), (1e-9, 1), (1.0, 1), (1.01, 2), (86_400.0, 63), (1e9, 63)])
def test_where_a_dwell_counts(dwell_s: float, expected: int) -> None:
    """0 stands alone, upper ends belong to their bin, and the last takes whatever is above."""
    assert dwell_bins(np.array([dwell_s], np.float32)).tolist() == [expected]
