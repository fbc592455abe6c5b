"""How far action values agree with what actions truly do, where that is known: in a simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.actions import ACTION_CODE, ACTIONS, NO_OP
from models.training.metrics import rank_correlation

LEAST_DRAWN = 10
"""Times an action must have been drawn for a friction to be ranked there (ours)."""
LEAST_ACTIONS = 3
"""Actions, no_op among them, that make a ranking (ours)."""

Floats = npt.NDArray[np.float32]
TrueEffect = Callable[[str, "str | None"], float]
"""Of an action and the id of a friction, None without one, by more the better."""


def of_effects(
    values: Floats, friction: npt.NDArray[np.str_], action: npt.NDArray[np.int64], true_effect: TrueEffect
) -> dict[str, float]:
    """Spearman's correlation of mean advantages over no_op with true effects, over the actions drawn for a friction.

    Of d decisions: `values` float32[d, 22], the id of the `friction`, the `action` drawn as a place in ACTIONS. The
    mean over frictions, and over all pairs of friction and action at once; nothing where there is no friction to rank.
    """
    each, advantages, truths = [], [], []
    for name in np.unique(friction):
        here = friction == name
        drawn = np.bincount(action[here], minlength=len(ACTIONS)) >= LEAST_DRAWN
        drawn[ACTION_CODE[NO_OP]] = True
        ranked = np.flatnonzero(drawn)
        if ranked.size < LEAST_ACTIONS:
            continue
        mean = values[here].mean(axis=0, dtype=np.float64)
        advantages.append(mean[ranked] - mean[ACTION_CODE[NO_OP]])
        truths.append(np.array([true_effect(ACTIONS[code], str(name) or None) for code in ranked]))
        each.append(rank_correlation(advantages[-1], truths[-1]))
    known = [one for one in each if not np.isnan(one)]
    if not known:
        return {}
    return {
        "effect_rank_correlation": float(np.mean(known)),
        "effect_rank_correlation_overall": rank_correlation(np.concatenate(advantages), np.concatenate(truths)),
        "effect_frictions": float(len(known)),
        "effect_pairs": float(sum(one.size for one in truths)),
    }
