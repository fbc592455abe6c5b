"""Figures of probabilities and values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.training.metrics import auc, calibration_error, log_loss, of_a_value, rank_correlation

CHANCES = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=40)


@given(CHANCES)
def test_auc_is_the_share_of_pairs_in_order(drawn: list[tuple[int, bool]]) -> None:
    """Over all pairs of one that happened and one that did not, ties as half."""
    chances = np.array([c / 4 for c, _ in drawn])
    happened = np.array([h for _, h in drawn], float)
    pairs = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p, h in zip(chances, happened, strict=True)
        for q, other in zip(chances, happened, strict=True)
        if h and not other
    ]
    if pairs:
        assert auc(chances, happened) == pytest.approx(sum(pairs) / len(pairs))
    else:
        assert math.isnan(auc(chances, happened))


def test_ranks_correlate_whatever_the_distances() -> None:
    """1 for any rising relation, -1 for a falling one, the mean place for ties, NaN where nothing varies."""
    values = np.array([0.1, 0.2, 0.4, 0.9])
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: covariance 4.5 of variances 4.5 and 5.
    assert rank_correlation(np.array([0.0, 1.0, 1.0, 2.0]), values) == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    assert math.isnan(rank_correlation(np.ones(4), values))


def test_log_loss_of_the_base_rate_is_the_entropy() -> None:
    """A quarter happened and was given a quarter."""
    happened = np.array([1.0, 0, 0, 0])
    expected = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert log_loss(np.full(4, 0.25), happened) == pytest.approx(expected)
    assert math.isfinite(log_loss(np.array([0.0, 1.0]), np.array([1.0, 0.0])))


def test_calibration_error_is_the_distance_to_what_came() -> None:
    """Chances of .8 where .5 came lie .3 off; chances that came true lie 0 off."""
    happened = np.tile([1.0, 0.0], 50)
    assert calibration_error(np.full(100, 0.8), happened) == pytest.approx(0.3)
    assert calibration_error(happened, happened) == 0


def test_a_value_is_judged_beside_the_mean() -> None:
    """Errors of the value and of the guess without a model."""
    figures = of_a_value("v", np.array([0.0, 1.0]), np.array([0.0, 0.5]), mean=0.25)
    assert figures == {
        "v_mean": 0.25,
        "v_mae": 0.25,
        "v_mae_of_mean": 0.25,
        "v_rmse": pytest.approx(math.sqrt(0.125)),
        "v_rmse_of_mean": 0.25,
    }
