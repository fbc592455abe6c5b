"""All that came out of a partition, without what may depend on how its records fell into batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tests.models.live.partition import LivePartition

ONE_BY_ONE = ("decision", "intervention", "reward-update")
ABOUT_THE_BATCH = {"source_topic", "source_partition", "watermark"}
ROUNDING = 1e-9
"""Relative: means and squares are merged in another order."""

Record = Mapping[str, Any]


def everything(partition: LivePartition) -> dict[str, Any]:
    """Single records as they are, in no order; sums added up. What is summed with rounding is left to `behaviour`."""
    found: dict[str, Any] = {topic: Counter(map(repr, partition.records[topic])) for topic in ONE_BY_ONE}
    found["reward-delta"] = added(partition.records["reward-delta"], ("arm_id", "site_id"))
    found["site-delta"] = added(partition.records["site-delta"], ("site_id",))
    activity = [
        {name: value for name, value in one.items() if name not in ("mean", "m2")}
        for one in partition.records["container-activity"]
    ]
    found["container-activity"] = added(activity, ("container_id", "site_id", "hour"))
    found["counts"] = {key: amount for key, amount in partition.counts.items() if amount}
    return found


def added(records: Iterable[Record], key: tuple[str, ...]) -> dict[Any, dict[str, list[float]]]:
    """The numbers of the records by field, added up by key."""
    sums: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for one in records:
        of_key = sums[tuple(one[name] for name in key)]
        for name, value in one.items():
            if name in key or name in ABOUT_THE_BATCH or isinstance(value, str) or value is None:
                continue
            values = value if isinstance(value, list) else [value]
            before = of_key.get(name) or [0] * len(values)
            of_key[name] = [a + b for a, b in zip(before, values, strict=True)] if values else before
    return {key: {name: values for name, values in fields.items() if any(values)} for key, fields in sums.items()}


def behaviour(partition: LivePartition) -> dict[Any, tuple[Any, Any]]:
    """By container, site and hour: the merged mean of each feature and the sum of its squares, float64[128] each."""
    rows: defaultdict[Any, list[Record]] = defaultdict(list)
    for one in partition.records["container-activity"]:
        rows[one["container_id"], one["site_id"], one["hour"]].append(one)
    merged = {}
    for key, of_key in rows.items():
        n = np.array([one["n"] for one in of_key], np.float64)[:, None]
        means, m2 = (np.array([one[name] for one in of_key]) for name in ("mean", "m2"))
        squares = (m2 + n * means**2).sum(axis=0)
        merged[key] = (n * means).sum(axis=0) / n.sum(), squares
    return merged


def assert_same(one: LivePartition, other: LivePartition) -> None:
    """Both led to the same."""
    mine, theirs = everything(one), everything(other)
    for name, found in mine.items():
        assert found == theirs[name], name
    behaved, expected = behaviour(one), behaviour(other)
    assert behaved.keys() == expected.keys()
    for key, values in behaved.items():
        for value, wanted in zip(values, expected[key], strict=True):
            np.testing.assert_allclose(value, wanted, rtol=ROUNDING, atol=ROUNDING)
