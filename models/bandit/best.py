"""The probability of each arm to be the best, and the propensities made of it (DOMAIN 6, given).

P(arm k is best) = integral of f_k(x) * product over the other arms j of F_j(x) dx, by a fixed quadrature: the panels
depend on the beliefs alone, so that equal beliefs give equal results. Beta and Normal may be mixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.bandit.posterior import Belief, mean, sd
from models.bandit.quadrature import NODE, NODES, UP_TO, WEIGHT
from models.jit import njit
from schemas.errors import LamstreamError

DEVIATIONS = (-8.0, -5.0, -3.0, -1.5, 0.0, 1.5, 3.0, 5.0, 8.0, 20.0)
"""Where panels of a belief end, in standard deviations from its mean; Betas near 0 have the longer tail above."""
FLOOR_NO_OP = 0.05
"""Least propensity of doing nothing (given)."""
FLOOR = 0.01
"""Least propensity of every other arm (given)."""
UNITS = 1 << 32
"""Propensities are whole multiples of 1 / UNITS: their sums are exact in float64, in whatever order."""

Numbers = npt.NDArray[np.float64]


class TooManyArms(LamstreamError):
    """The floors of the arms leave nothing to share."""


def best_probabilities(beliefs: Sequence[Belief]) -> Numbers:
    """float64[arms], summing to 1 up to rounding: the probability of each arm to have the highest mean reward."""
    count = len(beliefs)
    if count == 1:
        return np.ones(1)
    ends = _panel_ends(beliefs)
    normal = np.array([of.normal for of in beliefs], np.uint8)
    first, second = np.array([of.a for of in beliefs]), np.array([of.b for of in beliefs])
    nodes = (len(ends) - 1) * NODES
    density, below, best = np.empty((count, nodes)), np.empty((count, nodes)), np.zeros(count)
    _integrate(normal, first, second, ends, density, below, best)
    return best


def propensities(beliefs: Sequence[Belief], no_op: int) -> tuple[float, ...]:
    """The probability with which each arm is to be chosen; `no_op` is the place of doing nothing.

    Each arm gets its floor, and P(best) of what is left: p_k = floor_k + (1 - sum of floors) P(best_k), as whole
    multiples of 1 / UNITS that sum to 1 exactly. Raises TooManyArms where the floors leave nothing.
    """
    best = best_probabilities(beliefs)
    floors = [math.ceil((FLOOR_NO_OP if k == no_op else FLOOR) * UNITS) for k in range(len(beliefs))]
    left = UNITS - sum(floors)
    if left < 0:
        raise TooManyArms(f"found {len(beliefs)} arms, whose floors exceed 1; expected fewer: take actions out")
    units = [floor + math.floor(left * float(p)) for floor, p in zip(floors, best, strict=True)]
    units[int(np.argmax(best))] += UNITS - sum(units)
    return tuple(unit / UNITS for unit in units)


def _panel_ends(beliefs: Sequence[Belief]) -> Numbers:
    """float64[panels + 1], rising: where any belief changes, over all that they cover; Betas end at 0 and 1."""
    ends = []
    for of in beliefs:
        low, high = (-math.inf, math.inf) if of.normal else (0.0, 1.0)
        centre, spread = mean(of), sd(of)
        ends += [min(max(centre + spread * deviation, low), high) for deviation in DEVIATIONS]
        if not of.normal:
            ends += [0.0, 1.0]
    return np.unique(np.array(ends))


@njit
def _integrate(
    normal: npt.NDArray[np.uint8],
    first: Numbers,
    second: Numbers,
    ends: Numbers,
    density: Numbers,
    below: Numbers,
    best: Numbers,
) -> None:
    """Write P(best) float64[arms]; `density` and `below` float64[arms, nodes] are room to work in."""
    for k in range(len(best)):
        _tabulate(normal[k], first[k], second[k], ends, density[k], below[k])
    whole = 0.0
    for k in range(len(best)):
        for node in range(density.shape[1]):
            panel = node // NODES
            share = density[k, node]
            for other in range(len(best)):
                if other != k:
                    share *= below[other, node]
            best[k] += share * WEIGHT[node - panel * NODES] * (ends[panel + 1] - ends[panel]) / 2.0
        whole += best[k]
    for k in range(len(best)):
        best[k] /= whole


@njit
def _tabulate(normal: int, a: float, b: float, ends: Numbers, density: Numbers, below: Numbers) -> None:
    """Write a belief's density and distribution at every node; both are scaled so that the whole is 1."""
    scale = 0.0
    if not normal:
        scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    passed = 0.0
    for panel in range(len(ends) - 1):
        half, centre = (ends[panel + 1] - ends[panel]) / 2.0, (ends[panel + 1] + ends[panel]) / 2.0
        start = panel * NODES
        for i in range(NODES):
            density[start + i] = _density(normal, a, b, scale, centre + half * NODE[i])
        whole = 0.0
        for i in range(NODES):
            upto = 0.0
            for j in range(NODES):
                upto += UP_TO[i, j] * density[start + j]
            below[start + i] = passed + half * upto
            whole += WEIGHT[i] * density[start + i]
        passed += half * whole
    for node in range(len(density)):
        density[node] /= passed
        below[node] = min(max(below[node] / passed, 0.0), 1.0)


@njit
def _density(normal: int, a: float, b: float, scale: float, x: float) -> float:
    if normal:
        z = (x - a) / b
        return math.exp(-0.5 * z * z) / (b * math.sqrt(2.0 * math.pi))
    if x <= 0.0 or x >= 1.0:
        return 0.0
    return math.exp(scale + (a - 1.0) * math.log(x) + (b - 1.0) * math.log1p(-x))
