"""What is remembered of one container, and as which record of container-state.avsc it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from models.assembly.sums import NONE, Sums
from models.assembly.versions import Behaviour, Embedding

HOURS_KEPT = 24 * 40
"""Event-hours whose rewards are kept apart (ours: 40 d); those of older ones are one sum."""


class Mutation(NamedTuple):
    """What a mutation says of the container; `mutated_at` is its event time, pages and claims are as they came."""

    event_id: str
    site_id: str
    parent_id: str | None
    version: int
    mutated_at: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    claimed: Mapping[str, float] | None
    hypothesis: str | None


class Tombstone(NamedTuple):
    """What a tombstone says of the container; `retired_at` is its event time."""

    event_id: str
    site_id: str
    retired_at: int
    reason: str


@dataclass(frozen=True)
class Container:
    """One container.

    `mutation` of the highest version and the first `tombstone`, None until they came; `mutations` and `tombstones`
    count what came. `hours`: rewards by event-hour, ascending; `beyond`: those of older hours; `holdout`: the part in
    the holdout. `behaviours`, `embeddings`: most visits first; `foreign`: visits whose behaviour is in none of them.
    `stats_due_at`: watermark at which container-stats must be sent, None where nothing changed. `revision` and
    `revised_at` are those of the last tuple made; `changed`: the next would say something else. `closed`: the final one
    was made; what is left is a marker that counts what came after, as `late_mutations` and `late_visits`.
    """

    container_id: str
    site_id: str
    mutation: Mutation | None = None
    mutations: int = 0
    tombstone: Tombstone | None = None
    tombstones: int = 0
    hours: Mapping[int, Sums] = field(default_factory=lambda: MappingProxyType({}))
    beyond: Sums = NONE
    holdout: Sums = NONE
    converted: int = 0
    several: int = 0
    behaviours: tuple[Behaviour, ...] = ()
    foreign: int = 0
    embeddings: tuple[Embedding, ...] = ()
    stats_due_at: int | None = None
    revision: int = 0
    revised_at: int | None = None
    changed: bool = False
    closed: bool = False
    late_mutations: int = 0
    late_visits: int = 0

    @property
    def rewards(self) -> Sums:
        """The rewards of all hours, summed in their order, so that the order of arrival leaves no trace."""
        return reduce(Sums.plus, (self.hours[hour] for hour in sorted(self.hours)), self.beyond)

    @property
    def site(self) -> str:
        """The site that its tombstone names, else its mutation, else what came first."""
        for said in (self.tombstone, self.mutation):
            if said is not None:
                return said.site_id
        return self.site_id

    @property
    def parent_id(self) -> str | None:
        """The container it was made from; one that names itself has none."""
        if self.mutation is None or self.mutation.parent_id == self.container_id:
            return None
        return self.mutation.parent_id

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Container:
        """From the record it is kept as."""
        mutation, tombstone = record["mutation"], record["tombstone"]
        return cls(
            container_id=record["container_id"],
            site_id=record["site_id"],
            mutation=None if mutation is None else Mutation(**mutation),
            tombstone=None if tombstone is None else Tombstone(**tombstone),
            hours={hour["hour"]: _sums(hour, "") for hour in record["hours"]},
            beyond=_sums(record, "beyond_"),
            holdout=_sums(record, "holdout_"),
            behaviours=tuple(
                Behaviour(one["feature_set"], one["hour"], one["n"], np.array(one["mean"]), np.array(one["m2"]))
                for one in record["behaviours"]
            ),
            embeddings=tuple(
                Embedding(one["scorer"], one["hour"], one["n"], np.array(one["embedding_sum"]))
                for one in record["embeddings"]
            ),
            **{name: record[name] for name in _AS_THEY_ARE},
        )

    def record(self, due_at: int | None) -> dict[str, Any]:
        """The record to keep it as, to be looked at again when the watermark is `due_at`."""
        return {
            "container_id": self.container_id,
            "site_id": self.site_id,
            "due_at": due_at,
            "mutation": None if self.mutation is None else self.mutation._asdict(),
            "tombstone": None if self.tombstone is None else self.tombstone._asdict(),
            "hours": hour_records(self.hours),
            **_named(self.beyond, "beyond_"),
            **_named(self.holdout, "holdout_"),
            "behaviours": [
                {
                    "feature_set": one.version,
                    "hour": one.hour,
                    "n": one.n,
                    "mean": one.mean.tolist(),
                    "m2": one.m2.tolist(),
                }
                for one in self.behaviours
            ],
            "embeddings": [
                {"scorer": one.version, "hour": one.hour, "n": one.n, "embedding_sum": one.total.tolist()}
                for one in self.embeddings
            ],
            **{name: getattr(self, name) for name in _AS_THEY_ARE},
        }


_AS_THEY_ARE = (
    *("mutations", "tombstones", "converted", "several", "foreign", "stats_due_at", "revision", "revised_at"),
    *("changed", "closed", "late_mutations", "late_visits"),
)


def hour_records(hours: Mapping[int, Sums]) -> list[dict[str, Any]]:
    """Event-hours as records hold them, oldest first."""
    return [{"hour": hour, **_named(hours[hour], "")} for hour in sorted(hours)]


def _sums(record: Mapping[str, Any], prefix: str) -> Sums:
    return Sums(record[f"{prefix}n"], record[f"{prefix}reward_sum"], record[f"{prefix}reward_sum_sq"])


def _named(sums: Sums, prefix: str) -> dict[str, Any]:
    return {
        f"{prefix}n": sums.n,
        f"{prefix}reward_sum": sums.total,
        f"{prefix}reward_sum_sq": sums.squares,
    }
