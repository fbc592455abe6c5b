"""Behaviour of many visits: count, mean and variance of each feature, by definition (DOMAIN 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from tests.reference.containers import COUNTS, ActivityKey

Version = tuple[str, int]
"""Name of a feature set or scorer, and the length of its vectors."""
Float64s = npt.NDArray[np.float64]
MIN_VISITS = 10
"""Visits below which no aggregate leaves (DOMAIN 2)."""


class Behaviour(NamedTuple):
    """Of `n` visits: mean of each feature and sum of squared differences from it, float64[features] each."""

    n: int
    mean: Float64s
    m2: Float64s


class Embedding(NamedTuple):
    """Sum of the embeddings, float64[width], of the `n` visits that were scored."""

    n: int
    total: Float64s


PartT = TypeVar("PartT", Behaviour, Embedding)


class Speaking(NamedTuple):
    """What a container's visits say of themselves, by the feature set and the scorer with most of them."""

    feature_set: str = ""
    behaviour: Behaviour | None = None
    scorer: str | None = None
    embedding: Embedding | None = None


def of_visits(features: Sequence[Sequence[float]] | Float64s) -> Behaviour:
    """From the features of each of n visits, [n, features]."""
    rows = np.array(features, np.float64)
    mean = rows.mean(axis=0)
    return Behaviour(len(rows), mean, ((rows - mean) ** 2).sum(axis=0))


def pooled(parts: Iterable[Behaviour]) -> Behaviour:
    """Of the visits of all parts: within each, and of each part's mean from that of all."""
    known = list(parts)
    n = sum(part.n for part in known)
    mean = np.sum([part.mean * part.n for part in known], axis=0) / n
    m2 = np.sum([part.m2 + part.n * (part.mean - mean) ** 2 for part in known], axis=0)
    return Behaviour(n, mean, m2)


@dataclass
class Told:
    """What the rows of container-activity.avsc of one container, site and event-hour add up to."""

    counts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    behaviours: dict[Version, Behaviour] = field(default_factory=dict)
    """By feature set."""
    embeddings: dict[Version, Embedding] = field(default_factory=dict)
    """By scorer."""

    def add(self, row: Mapping[str, Any]) -> None:
        """One row. Where its `mean` is empty or not as long as `m2` it tells no behaviour."""
        if not row["n"]:
            return
        for name in COUNTS:
            self.counts[name] += row[name]
        mean, m2, total = (np.array(row[name], np.float64) for name in ("mean", "m2", "embedding_sum"))
        if len(mean) and len(mean) == len(m2):
            _add(self.behaviours, (row["feature_set"], len(mean)), Behaviour(row["n"], mean, m2))
        if row["scorer"] is not None and len(total) and row["embedding_n"]:
            _add(self.embeddings, (row["scorer"], len(total)), Embedding(row["embedding_n"], total))


def add_activity(told: defaultdict[ActivityKey, Told], rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows of any containers, in any order."""
    for row in rows:
        told[row["container_id"], row["site_id"], row["hour"]].add(row)


def speaking(told: Mapping[ActivityKey, Told]) -> dict[str, Speaking]:
    """By container: most visits speak, then the newest event-hour, then the highest name.

    For up to four feature sets and scorers of a container; of more the stream may have dropped one.
    """
    containers: defaultdict[str, list[tuple[int, Told]]] = defaultdict(list)
    for (container, _, hour), one in told.items():
        containers[container].append((hour, one))
    found = {}
    for container, hours in containers.items():
        feature_set, behaviour = _most([(hour, one.behaviours) for hour, one in hours], pooled)
        scorer, embedding = _most([(hour, one.embeddings) for hour, one in hours], _together)
        found[container] = Speaking(feature_set or "", behaviour, scorer, embedding)
    return found


def _most(
    hours: list[tuple[int, dict[Version, PartT]]], together: Callable[[list[PartT]], PartT]
) -> tuple[str | None, PartT | None]:
    parts: defaultdict[Version, list[PartT]] = defaultdict(list)
    newest: dict[Version, int] = {}
    for hour, versions in hours:
        for version, part in versions.items():
            parts[version].append(part)
            newest[version] = max(hour, newest.get(version, hour))
    whole = {version: together(of_one) for version, of_one in parts.items()}
    best = max(whole, key=lambda version: (whole[version].n, newest[version], version), default=None)
    return (None, None) if best is None else (best[0], whole[best])


def _together(parts: Iterable[Embedding]) -> Embedding:
    known = list(parts)
    return Embedding(sum(one.n for one in known), np.sum([one.total for one in known], axis=0))


def _add(versions: dict[Version, Any], version: Version, part: Behaviour | Embedding) -> None:
    together: Any = pooled if isinstance(part, Behaviour) else _together
    versions[version] = together([versions[version], part]) if version in versions else part


def user(speaking: Speaking, several: int, visits: int) -> dict[str, Any]:
    """The `user` of a training tuple: of `visits` in all, `several` were credited to several containers."""
    behaviour, embedding = speaking.behaviour, speaking.embedding
    enough = behaviour is not None and behaviour.n >= MIN_VISITS
    scored = embedding is not None and embedding.n >= MIN_VISITS
    return {
        "n": behaviour.n if behaviour else 0,
        "feature_set": speaking.feature_set,
        "mean": behaviour.mean.tolist() if behaviour and enough else [],
        "variance": (behaviour.m2 / (behaviour.n - 1)).tolist() if behaviour and enough else [],
        "scorer": speaking.scorer if scored else None,
        "embedding": (embedding.total / embedding.n).tolist() if embedding and scored else [],
        "several_share": several / visits if visits >= MIN_VISITS else 0.0,
    }
