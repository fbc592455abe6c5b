"""What the stream told beside what it must tell, record by record.

Equal to the bit but for two fields: propensities come of a quadrature in the stream (within PROPENSITY), and the
scorer's adjustments may differ between processors (within POINTS).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.reference.live import ExpectedLive

PROPENSITY = 1e-8
POINTS = 1e-3
"""Of adjustments; scores agree within 1e-4 between processors (docs/decisions.md, D32), and count 10 points."""
NOT_EXPECTED = {"feature_set", "site_stage"}
"""Fields that the reference leaves out; so it does a site's sessions."""

Record = Mapping[str, Any]


def differences(
    expected: ExpectedLive,
    *,
    decisions: Iterable[Record],
    interventions: Iterable[Record],
    updates: Iterable[Record],
    deltas: Iterable[Record],
) -> list[str]:
    """What differs, in words, nothing where all is right.

    The records of decision, intervention, reward-update and reward-delta, each topic in whatever order; each is read
    once, so that a generator will do.
    """
    return [
        *_topic("decision_id", decisions, {**expected.decisions, **expected.suppressed}),
        *_topic("intervention_id", interventions, expected.interventions),
        *_topic("reward_id", updates, {**expected.rewards, **expected.exposures}),
        *_arms(deltas, expected.arms),
    ]


def _topic(key: str, found: Iterable[Record], wanted: Mapping[str, Record]) -> Iterator[str]:
    met: set[str] = set()
    for one in found:
        name = one[key]
        if name in met:
            yield f"{key} {name}: told twice"
        met.add(name)
        if name not in wanted:
            yield f"{key} {name}: told, but must not be"
            continue
        yield from (f"{key} {name}: {what}" for what in _fields(one, wanted[name]))
    for name in wanted.keys() - met:
        yield f"{key} {name}: not told"


def _fields(found: Record, wanted: Record) -> Iterator[str]:
    for field, value in wanted.items():
        if not same(field, found.get(field), value):
            yield f"{field} is {found.get(field)!r}, must be {value!r}"
    for field in found.keys() - wanted.keys() - NOT_EXPECTED:
        if found[field] not in (None, ""):
            yield f"{field} is {found[field]!r}, must not be there"


def same(field: str, found: Any, wanted: Any) -> bool:
    """Whether a field's value is what it must be."""
    if field == "propensity":
        return isinstance(found, float) and abs(found - wanted) <= PROPENSITY
    if field == "adjustments":
        return found is not None and all(abs(found[name] - points) <= POINTS for name, points in wanted.items())
    if field == "features":
        return found is not None and list(found) == list(wanted)
    if field == "arms":
        return len(found) == len(wanted) and all(
            one.keys() == other.keys() and all(same(name, one[name], other[name]) for name in other)
            for one, other in zip(found, wanted, strict=True)
        )
    if field == "site":
        return bool({name: value for name, value in found.items() if name != "sessions"} == wanted)
    return bool(found == wanted)


def _arms(deltas: Iterable[Record], wanted: Mapping[str, tuple[int, float, float]]) -> Iterator[str]:
    n, total, squares = Counter[str](), Counter[str](), Counter[str]()
    for one in deltas:
        n[one["arm_id"]] += one["n"]
        total[one["arm_id"]] += one["reward_sum"]
        squares[one["arm_id"]] += one["reward_sum_sq"]
    for arm in n.keys() | wanted.keys():
        sums = n[arm], total[arm], squares[arm]
        if sums != wanted.get(arm):
            yield f"arm {arm}: sums are {sums}, must be {wanted.get(arm)}"
