"""The rewards of other containers by event-hour, as the container-stats topic tells them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.assembly.sums import Sums

WIDTH = len(Sums._fields)


@dataclass(frozen=True, eq=False)
class ContainerStats:
    """`hours` int64[h]; `sums` float64[h, 3], the fields of `Sums` of each; `watermark`: up to where all is counted."""

    watermark: int
    hours: npt.NDArray[np.int64]
    sums: npt.NDArray[np.float64]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> ContainerStats:
        """From a record of container-stats.avsc."""
        rows = [(hour["n"], hour["reward_sum"], hour["reward_sum_sq"]) for hour in record["hours"]]
        hours = np.array([hour["hour"] for hour in record["hours"]], np.int64)
        return cls(record["watermark"], hours, np.array(rows, np.float64).reshape(-1, WIDTH))

    def over(self, hours: Collection[int]) -> Sums:
        """Sums over those of the hours that are known here."""
        chosen = self.sums[np.isin(self.hours, np.fromiter(hours, np.int64, len(hours)))]
        n, total, squares = chosen.sum(axis=0).tolist()
        return Sums(int(n), total, squares)


class ParentStats:
    """The newest container-stats of every container."""

    def __init__(self) -> None:
        self._stats: dict[str, ContainerStats] = {}

    def __len__(self) -> int:
        return len(self._stats)

    def apply(self, key: str, record: Mapping[str, Any] | None, offset: int) -> None:
        """Take a record of the topic; None deletes. Where it stood is of no matter: the last one counts."""
        if record is None:
            self._stats.pop(key, None)
        else:
            self._stats[key] = ContainerStats.of(record)

    def of(self, container_id: str | None) -> ContainerStats | None:
        """What is known of the container."""
        return None if container_id is None else self._stats.get(container_id)
