"""Sums of rewards by arm: n, sum r, sum r^2, which add up exactly.

Rewards are multiples of `models.rewards.reward.QUANTUM`, so additions do not round: however many partitions, batches
and workers the rewards of an arm came through, and in whatever order, its sums have the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.row_layout import Column, RowLayout

SUMS = ("n", "reward_sum", "reward_sum_sq")
SITE_DTYPE = "S40"
NEVER_DUE_MS = 2**62

POSTERIOR_LAYOUT = RowLayout(
    "posterior",
    (
        Column("due_ms", "<i8", "An arm waits for no time.", default=NEVER_DUE_MS),
        Column("n", "<i8", "Rewards."),
        Column("reward_sum", "<f8", "Sum of them."),
        Column("reward_sum_sq", "<f8", "Sum of their squares."),
        Column("site_id", SITE_DTYPE, "The site, UTF-8."),
    ),
    due="due_ms",
)


class ArmSums(NamedTuple):
    """What k arms have gained; arrays are `[k]`."""

    arm_id: pa.Array
    """string[k], distinct."""
    site_id: npt.NDArray[np.bytes_]
    """S40, UTF-8."""
    n: npt.NDArray[np.int64]
    reward_sum: npt.NDArray[np.float64]
    reward_sum_sq: npt.NDArray[np.float64]


def summed(columns: pa.RecordBatch) -> ArmSums:
    """Reward deltas, the columns of reward-delta.avsc, summed by arm, in order of first appearance."""
    arms = columns["arm_id"].dictionary_encode()
    _, first = np.unique(arms.indices.to_numpy(), return_index=True)
    sites = [site.encode() for site in columns["site_id"].take(pa.array(first)).to_pylist()]
    return ArmSums(
        arms.dictionary,
        np.array(sites, SITE_DTYPE),
        *(_sum_by(arms.indices.to_numpy(), columns[name].to_numpy(), len(sites)) for name in SUMS),
    )


def merge(rows: npt.NDArray[np.void], index: npt.NDArray[np.int64], sums: ArmSums) -> None:
    """Add to the rows `rows[index]`, of POSTERIOR_LAYOUT, what their arms have gained; `index` is distinct, int64[k].

    Writes only these rows.
    """
    for name in SUMS:
        rows[name][index] += getattr(sums, name)
    rows["site_id"][index] = sums.site_id


def posteriors(arms: list[str], rows: npt.NDArray[np.void]) -> Iterator[dict[str, Any]]:
    """A record of arm-posterior.avsc for each of k arms; `rows` are theirs, of POSTERIOR_LAYOUT."""
    columns = (rows[name].tolist() for name in ("site_id", *SUMS))
    for arm, site, n, reward_sum, reward_sum_sq in zip(arms, *columns, strict=True):
        yield {
            "arm_id": arm,
            "site_id": site.decode(),
            "n": n,
            "reward_sum": reward_sum,
            "reward_sum_sq": reward_sum_sq,
        }


def _sum_by(group: npt.NDArray[np.int32], values: npt.NDArray[Any], groups: int) -> npt.NDArray[Any]:
    total = np.zeros(groups, values.dtype)
    np.add.at(total, group, values)
    return total
