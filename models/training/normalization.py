"""How inputs become numbers of one scale, in training and inside the graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.behaviour.features import NEVER
from models.behaviour.moment import INPUTS

Floats = npt.NDArray[np.float32]

LINEAR_UNITS = ("0/1", "ratio", "stage 0-7")
"""Units of inputs taken as they are; of all others the logarithm is taken."""
HIGHEST = 1e9
"""Inputs count as at most this; the least is NEVER."""
ABOVE_LOG = 2.0
"""Added before a logarithm is taken, so that never is 0 and zero is log 2."""
FURTHEST = 10.0
"""Standard deviations from the mean that an input counts at most."""
_CONSTANT = 1e-6
"""Standard deviation below which an input did not vary."""
NORMALIZATION = (
    f"x = clip(x, {NEVER:g}, {HIGHEST:g}); x = log(x + {ABOVE_LOG:g}) unless its unit is one of "
    f"{', '.join(LINEAR_UNITS)}; x = clip(scale x + shift, -{FURTHEST:g}, {FURTHEST:g}); in the graph"
)


class Normalization(NamedTuple):
    """By input, in the order of INPUTS; an input that did not vary in training has scale and shift 0."""

    logarithm: npt.NDArray[np.bool_]
    """bool[128]"""
    scale: Floats
    """float32[128]: 1 / standard deviation."""
    shift: Floats
    """float32[128]: -mean / standard deviation."""

    @property
    def ignored(self) -> tuple[str, ...]:
        """The inputs without effect."""
        return tuple(feature.name for feature, scale in zip(INPUTS, self.scale, strict=True) if scale == 0)

    def apply(self, features: Floats) -> Floats:
        """`float32[n, 128]` to the same shape."""
        scaled: Floats = _unscaled(features, self.logarithm) * self.scale + self.shift
        return np.clip(scaled, -FURTHEST, FURTHEST)


def normalization(features: Floats) -> Normalization:
    """That which gives `float32[n, 128]` mean 0 and standard deviation 1."""
    logarithm = np.array([feature.unit not in LINEAR_UNITS for feature in INPUTS])
    unscaled = _unscaled(features, logarithm).astype(np.float64)
    mean, spread = unscaled.mean(axis=0), unscaled.std(axis=0)
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > _CONSTANT)
    return Normalization(logarithm, scale.astype(np.float32), (-mean * scale).astype(np.float32))


def _unscaled(features: Floats, logarithm: npt.NDArray[np.bool_]) -> Floats:
    clipped = np.clip(features, np.float32(NEVER), np.float32(HIGHEST))
    unscaled: Floats = np.where(logarithm, np.log(clipped + np.float32(ABOVE_LOG)), clipped)
    return unscaled
