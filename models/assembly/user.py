"""C: the behaviour of a container's visits, aggregated (DOMAIN 5), as the `user` of a training tuple."""

from __future__ import annotations

from typing import Any

from models.assembly.state import Container

MIN_VISITS = 10
"""Visits below which no aggregate leaves: a tuple must not tell of single visitors (DOMAIN 2)."""


def user(container: Container) -> dict[str, Any]:
    """Mean and unbiased variance of each feature, mean embedding, and the share of visits with several containers.

    They are those of the version with most visits, `n` its visits. Under `MIN_VISITS` each is empty, the share 0.
    """
    visits = container.rewards.n
    behaviour = container.behaviours[0] if container.behaviours else None
    embedding = container.embeddings[0] if container.embeddings else None
    n = 0 if behaviour is None else behaviour.n
    said: dict[str, Any] = {
        "n": n,
        "feature_set": "" if behaviour is None else behaviour.version,
        "mean": [],
        "variance": [],
        "scorer": None,
        "embedding": [],
        "several_share": container.several / visits if visits >= MIN_VISITS else 0.0,
    }
    if behaviour is not None and n >= MIN_VISITS:
        said |= {"mean": behaviour.mean.tolist(), "variance": (behaviour.m2 / (n - 1)).tolist()}
    if embedding is not None and embedding.n >= MIN_VISITS:
        said |= {"scorer": embedding.version, "embedding": (embedding.total / embedding.n).tolist()}
    return said
