"""Sums that belong to a version, of the features or of the scorer, and cannot be added to those of another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]

VERSIONS_KEPT = 4
"""Versions whose sums a container keeps (ours): an upgrade has two at a time."""


class Behaviour(NamedTuple):
    """Mean and sum of squared differences from it, float64[features] each, of `n` visits; `hour` is their newest."""

    version: str
    hour: int
    n: int
    mean: Float64s
    m2: Float64s

    @property
    def key(self) -> tuple[str, int]:
        """Behaviours of one key can be added."""
        return self.version, len(self.mean)

    def plus(self, other: Behaviour) -> Behaviour:
        """Both together, by Chan, Golub and LeVeque (1979): exact for any split of the visits."""
        n = self.n + other.n
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.n / n)
        m2 = self.m2 + other.m2 + apart * apart * (self.n * other.n / n)
        return Behaviour(self.version, max(self.hour, other.hour), n, mean, m2)


class Embedding(NamedTuple):
    """Sum of the embeddings, float64[width], of the `n` visits scored; `hour` is their newest."""

    version: str
    hour: int
    n: int
    total: Float64s

    @property
    def key(self) -> tuple[str, int]:
        """Embeddings of one key can be added."""
        return self.version, len(self.total)

    def plus(self, other: Embedding) -> Embedding:
        """Both together."""
        return Embedding(self.version, max(self.hour, other.hour), self.n + other.n, self.total + other.total)


VersionT = TypeVar("VersionT", Behaviour, Embedding)


def merged(kept: Iterable[VersionT], new: VersionT) -> tuple[tuple[VersionT, ...], int]:
    """The versions with `new` added, most visits first, and the visits of those that had to give way.

    The first is the one to speak for the container: most visits, then the newest hour, then the highest name. Up to
    `VERSIONS_KEPT` versions the result does not depend on the order in which they came.
    """
    by_key = {one.key: one for one in kept}
    known = by_key.get(new.key)
    by_key[new.key] = new if known is None else known.plus(new)
    ranked = sorted(by_key.values(), key=lambda one: (one.n, one.hour, one.key), reverse=True)
    return tuple(ranked[:VERSIONS_KEPT]), sum(one.n for one in ranked[VERSIONS_KEPT:])
