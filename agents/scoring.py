"""A scorer whose time is counted."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from models.serving.scorer import Scorer, Scores


class TimedScorer:
    """Scores as `scorer` does, and tells the seconds each call took."""

    def __init__(self, scorer: Scorer, tell: Callable[[float], None]) -> None:
        self._scorer = scorer
        self._tell = tell

    @property
    def version(self) -> str:
        """The release's version."""
        return self._scorer.version

    def score(self, features: npt.NDArray[np.float32]) -> Scores:
        """The scores of `float32[n, 128]`, as `Scorer.score`."""
        began = time.perf_counter()
        scores = self._scorer.score(features)
        self._tell(time.perf_counter() - began)
        return scores
