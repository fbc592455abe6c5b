"""What is to happen to a worker: drawn from a seed, over all points that a worker passes."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator
from typing import NamedTuple

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


STARTING = {Point.JOIN: 1, Point.ASSIGN: 1, Point.RESTORE: 3, Point.RESTORED: 5}
"""Points of a worker that comes, and the latest time at which it dies there."""
TURNING = {Point.CONSUME: 40, Point.DECODE: 40, Point.PROCESS: 40, Point.PROCESSED: 40}
COMMITTING = {
    **{Point.CHANGELOG: 15, Point.PRODUCE: 60, Point.OFFSETS: 15},
    **{Point.COMMIT: 15, Point.COMMITTED: 15, Point.KEPT: 15},
}
WRITING = {Point.SNAPSHOT: 2, Point.SNAPSHOT_WRITTEN: 2, Point.SNAPSHOT_READ: 1}
SHARED = {Point.REVOKE: 1, Point.REVOKED: 1}
LEAVING = {Point.LEAVE: 1}
RAISING = ("processed:raise",)
FAILING = ("produce:fail", "offsets:fail", "commit:fail", "committed:fail")
"""What a worker must survive, before it is killed where it recovers or later."""
FREEZING = ("process:stop", "processed:stop", "changelog:stop", "produce:stop", "offsets:stop", "commit:stop")
LATER = tuple(point.value for point in COMMITTING)
SURVIVED = 0.3
"""Share of the lives in which something is survived first."""
AT_FIRST = 12
"""The latest time of a fault that is survived."""


def deaths(dice: random.Random) -> Iterator[Plan]:
    """Plans without end; every point once before any comes again."""
    while True:
        deck = [
            *(_plan(dice, point, most) for point, most in {**STARTING, **TURNING, **COMMITTING, **WRITING}.items()),
            *(_plan(dice, point, most, Help.GUEST) for point, most in SHARED.items()),
            *(_plan(dice, point, most, Help.TERM) for point, most in LEAVING.items()),
        ]
        dice.shuffle(deck)
        yield from deck


def survived(dice: random.Random) -> Iterator[Plan]:
    """Plans without end in which a worker first survives a fault: an exception, a failed call, or its own absence."""
    while True:
        deck = [_after(dice, fault) for fault in (*RAISING, *FAILING, *FREEZING)]
        dice.shuffle(deck)
        yield from deck


def mixed(dice: random.Random) -> Iterator[Plan]:
    """Plans without end: now a death, now something survived first."""
    one, other = deaths(dice), survived(dice)
    while True:
        yield next(other if dice.random() < SURVIVED else one)


def harmless(dice: random.Random) -> Iterator[Plan]:
    """Plans without end that a worker survives for good."""
    while True:
        yield Plan(
            f"{dice.choice((*RAISING, *FAILING, *FREEZING))}:{dice.randint(AT_FIRST // 2, AT_FIRST)}", ends=False
        )


def _plan(dice: random.Random, point: Point, most: int, help: Help = Help.NONE) -> Plan:
    # Not at once: a worker that dies of each record it tries is a worker with poisoned input, which is another test's.
    return Plan(f"{point.value}:kill:{dice.randint(-(-most // 2), most)}", help)


def _after(dice: random.Random, fault: str) -> Plan:
    later = f"{dice.choice(LATER)}:kill:{dice.randint(AT_FIRST, 2 * AT_FIRST)}"
    # A commit that did not succeed is found out at RESET; an exception of an agent never comes there.
    at_once = [] if fault in RAISING else [f"{Point.RESET.value}:kill:1"]
    return Plan(f"{fault}:{dice.randint(AT_FIRST // 2, AT_FIRST)},{dice.choice([later, *at_once])}")
