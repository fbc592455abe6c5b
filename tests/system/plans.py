"""What is to happen to a worker: drawn from a seed, over all points that a worker passes."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypeAlias

from topics.faults import Point


class Help(enum.Enum):
    """What must be done from outside for a plan to come to its end."""

    NONE = "none"
    GUEST = "a worker joins, so that the group takes partitions from the others"
    TERM = "it is told to end"


class Plan(NamedTuple):
    """`faults` as LAM_FAULTS holds them. Where it `ends`, the last one is deadly; who outlives it is killed anyhow."""

    faults: str
    help: Help = Help.NONE
    ends: bool = True


DiedAt: TypeAlias = "Callable[[], Collection[str]]"
"""Tells the points at which a worker died so far."""

STARTING = {Point.JOIN: 1, Point.ASSIGN: 1, Point.RESTORE: 3, Point.RESTORED: 5}
"""Points of a worker that comes, and the latest time at which it dies there."""
TURNING = {Point.CONSUME: 40, Point.DECODE: 40, Point.PROCESS: 40, Point.PROCESSED: 40}
COMMITTING = {
    **{Point.CHANGELOG: 15, Point.PRODUCE: 60, Point.OFFSETS: 15},
    **{Point.COMMIT: 15, Point.COMMITTED: 15, Point.KEPT: 15},
}
WRITING = {Point.SNAPSHOT: 2, Point.SNAPSHOT_WRITTEN: 2, Point.SNAPSHOT_READ: 1}
RAISING = ("processed:raise",)
FAILING = ("produce:fail", "offsets:fail", "commit:fail", "committed:fail")
"""What a worker must survive, before it is killed where it recovers or later."""
FREEZING = ("process:stop", "processed:stop", "changelog:stop", "produce:stop", "offsets:stop", "commit:stop")
RECOVERING = {Point.RESET: "offsets:fail", Point.LOST: "process:stop"}
"""Points of a worker that survived a fault, and the fault that brings it there."""
HELPED = {Point.REVOKE: Help.GUEST, Point.REVOKED: Help.GUEST, Point.LEAVE: Help.TERM}
"""Points that a worker passes once, when others come or it is told to end."""
DEADLY = (*STARTING, *TURNING, *COMMITTING, *WRITING, *RECOVERING, *HELPED)
LATER = tuple(point.value for point in COMMITTING)
SURVIVED = 0.3
"""Share of the lives in which something is survived first."""
AT_FIRST = 12
"""The latest time of a fault that is survived."""


def nowhere() -> Collection[str]:
    """Where nobody counts."""
    return ()


def deaths(dice: random.Random, died_at: DiedAt = nowhere) -> Iterator[Plan]:
    """Plans without end: every point once before any comes again, but for those at which nobody died then."""
    while True:
        died = died_at()
        left = [point for point in DEADLY if point.value not in died] or [*DEADLY]
        dice.shuffle(left)
        yield from (_plan(dice, point) for point in left)


def survived(dice: random.Random) -> Iterator[Plan]:
    """Plans without end in which a worker first survives a fault: an exception, a failed call, or its own absence."""
    while True:
        deck = [_after(dice, fault) for fault in (*RAISING, *FAILING, *FREEZING)]
        dice.shuffle(deck)
        yield from deck


def mixed(dice: random.Random, died_at: DiedAt = nowhere) -> Iterator[Plan]:
    """Plans without end: now a death, now something survived first."""
    one, other = deaths(dice, died_at), survived(dice)
    while True:
        yield next(other if dice.random() < SURVIVED else one)


def harmless(dice: random.Random) -> Iterator[Plan]:
    """Plans without end that a worker survives for good."""
    while True:
        yield Plan(
            f"{dice.choice((*RAISING, *FAILING, *FREEZING))}:{dice.randint(AT_FIRST // 2, AT_FIRST)}", ends=False
        )


def _plan(dice: random.Random, point: Point) -> Plan:
    if point in RECOVERING:
        return Plan(f"{RECOVERING[point]}:{dice.randint(AT_FIRST // 2, AT_FIRST)},{point.value}:kill:1")
    # Not at once: a worker that dies of each record it tries is a worker with poisoned input, which is another test's.
    most = {**STARTING, **TURNING, **COMMITTING, **WRITING}.get(point, 1)
    return Plan(f"{point.value}:kill:{dice.randint(-(-most // 2), most)}", HELPED.get(point, Help.NONE))


def _after(dice: random.Random, fault: str) -> Plan:
    later = f"{dice.choice(LATER)}:kill:{dice.randint(AT_FIRST, 2 * AT_FIRST)}"
    # A commit that did not succeed is found out at RESET; an exception of an agent never comes there.
    at_once = [] if fault in RAISING else [f"{Point.RESET.value}:kill:1"]
    return Plan(f"{fault}:{dice.randint(AT_FIRST // 2, AT_FIRST)},{dice.choice([later, *at_once])}")
