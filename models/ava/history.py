"""What was decided before in a visit, as the gates ask for it, and how a conclusion adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from models.actions import ACTIVE, NUDGE, PASSIVE
from models.behaviour.layout import FRICTION_BYTES
from models.jit import njit

NO_FRICTION = 0
"""Number of the pseudo-friction `none`, under which a visit without a friction is decided on."""
NONE_ID = "none"
NEVER_S = -1.0
"""Seconds since what never happened."""
BITS = 8

HISTORY_DTYPE = np.dtype(
    [
        ("decisions", np.uint16),
        ("loud", np.uint8),
        ("active", np.uint8),
        ("nudge", np.uint8),
        ("since_any_s", np.float32),
        ("since_active_s", np.float32),
        ("since_nudge_s", np.float32),
        ("handled", np.uint8, (FRICTION_BYTES,)),
        ("raised", np.uint8, (FRICTION_BYTES,)),
    ],
    align=True,
)
"""Decisions so far, and of these those above PASSIVE (`loud`), ACTIVE and NUDGE; seconds since the last decision, the
last ACTIVE and the last NUDGE one, `NEVER_S` without one; sets of the frictions decided on and of those raised."""


class HistoryColumns(NamedTuple):
    """The counts and sets of the rows of many visits: uint16[n], three uint8[n], two uint8[n, FRICTION_BYTES]."""

    decisions: npt.NDArray[np.uint16]
    loud: npt.NDArray[np.uint8]
    active: npt.NDArray[np.uint8]
    nudge: npt.NDArray[np.uint8]
    handled: npt.NDArray[np.uint8]
    raised: npt.NDArray[np.uint8]


class Concluded(Protocol):
    """What the history must know of a conclusion."""

    @property
    def evaluation(self) -> int:
        """Its place among the evaluations."""

    @property
    def friction(self) -> int:
        """Number of the friction decided on."""

    @property
    def tier(self) -> int:
        """Its tier."""

    @property
    def raised(self) -> bool:
        """Whether gate 2 raised it."""


def no_history(count: int) -> npt.NDArray[np.void]:
    """`HISTORY_DTYPE[count]` of visits in which nothing was decided."""
    history = np.zeros(count, HISTORY_DTYPE)
    for name in ("since_any_s", "since_active_s", "since_nudge_s"):
        history[name] = NEVER_S
    return history


def remember(columns: HistoryColumns, rows: npt.NDArray[np.int64], conclusions: Sequence[Concluded]) -> None:
    """Write what conclusions add: fire, no_op and holdout alike.

    `rows` int64[evaluations] is the row of each evaluation's visit in `columns`; a row has one conclusion at most.
    Counts saturate. When each was decided is the caller's to note.
    """
    for conclusion in conclusions:
        row = int(rows[conclusion.evaluation])
        _count(columns.decisions, row)
        if conclusion.tier > PASSIVE:
            _count(columns.loud, row)
        if conclusion.tier == ACTIVE:
            _count(columns.active, row)
        if conclusion.tier == NUDGE:
            _count(columns.nudge, row)
        put(columns.handled[row], conclusion.friction)
        if conclusion.raised:
            put(columns.raised[row], conclusion.friction)


def _count(column: npt.NDArray[np.uint16] | npt.NDArray[np.uint8], row: int) -> None:
    if column[row] < np.iinfo(column.dtype).max:
        column[row] += 1


@njit
def put(numbers: npt.NDArray[np.uint8], number: int) -> None:
    """Add a friction to a set, uint8[FRICTION_BYTES]."""
    numbers[number // BITS] |= np.uint8(1 << (number % BITS))


@njit
def contains(numbers: npt.NDArray[np.uint8], number: int) -> bool:
    """Whether a friction is in a set, uint8[FRICTION_BYTES]."""
    return bool(numbers[number // BITS] & (1 << (number % BITS)))


@njit
def within(since_s: float, span_s: float) -> bool:
    """Whether something happened, less than `span_s` ago; `since_s` is NEVER_S where it did not."""
    return bool(0 <= since_s < span_s)


def members(numbers: npt.NDArray[np.uint8]) -> list[int]:
    """The numbers in a set, uint8[FRICTION_BYTES], ascending."""
    # A set holds a few of many; bit by bit is ten times as fast as unpacking it.
    left, found = int.from_bytes(numbers.tobytes(), "little"), []
    while left:
        lowest = left & -left
        found.append(lowest.bit_length() - 1)
        left ^= lowest
    return found


def friction_set(numbers: Sequence[int]) -> npt.NDArray[np.uint8]:
    """The set of these numbers, uint8[FRICTION_BYTES]."""
    bits = np.zeros(FRICTION_BYTES * BITS, np.uint8)
    bits[list(numbers)] = 1
    return np.packbits(bits, bitorder="little")


def friction_id(number: int) -> str:
    """`F089` for 89, `none` for 0."""
    return f"F{number:03d}" if number else NONE_ID


def friction_number(identifier: str) -> int:
    """89 for `F089`, 0 for `none`."""
    return 0 if identifier == NONE_ID else int(identifier[1:])
