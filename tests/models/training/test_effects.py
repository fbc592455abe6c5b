"""Action values beside what actions truly do."""

from __future__ import annotations

import numpy as np
import pytest

from models.actions import ACTION_CODE, ACTIONS, NO_OP
from models.training.effects import LEAST_DRAWN, of_effects

TRUE = {"nudge_suggestion": 0.3, "nudge_size_guide": -0.2, "nudge_search_help": 0.1, NO_OP: 0.0}


def true_effect(action: str, friction: str | None) -> float:
    """The same for every friction."""
    return TRUE[action]


def found(sign: float, times: int = LEAST_DRAWN) -> dict[str, float]:
    """Values that follow the truth, or its opposite, where each action was drawn so often for one friction."""
    action = np.repeat([ACTION_CODE[name] for name in TRUE], times)
    values = np.zeros((action.size, len(ACTIONS)), np.float32)
    for name, effect in TRUE.items():
        values[:, ACTION_CODE[name]] = 0.4 + sign * effect
    return of_effects(values, np.full(action.size, "F058"), action, true_effect)


def test_the_truth_has_rank_correlation_1_and_its_opposite_minus_1() -> None:
    """Over the four actions of the friction."""
    assert found(1.0) == {
        "effect_rank_correlation": pytest.approx(1.0),
        "effect_rank_correlation_overall": pytest.approx(1.0),
        "effect_frictions": 1.0,
        "effect_pairs": 4.0,
    }
    assert found(-1.0)["effect_rank_correlation"] == pytest.approx(-1.0)


def test_what_was_hardly_drawn_is_not_ranked() -> None:
    """Too few draws of any action leave no friction to rank."""
    assert found(1.0, LEAST_DRAWN - 1) == {}
