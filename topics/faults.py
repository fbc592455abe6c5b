"""Named points of the transport at which a test breaks it; in operation nothing happens there.

`LAM_FAULTS` holds a plan, `point:action:nth[,...]`: at the nth time this process reaches the point, it is killed
(`kill`), frozen until another wakes it (`stop`), fails with an exception of its own (`raise`), or has a call of Kafka
fail (`fail`). Each fault of a plan happens once.
"""

from __future__ import annotations

import enum
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException

from topics.errors import ConfigurationError

VARIABLE = "LAM_FAULTS"

log = logging.getLogger(__name__)


class Point(str, enum.Enum):
    """Where the transport can be broken, in the order of a worker's life."""

    JOIN = "join"
    """Before the group is joined."""
    ASSIGN = "assign"
    """Partitions were given, nothing of them is done yet."""
    RESTORE = "restore"
    """In the middle of reading a changelog."""
    RESTORED = "restored"
    """A partition's state is whole, its first record not yet fetched."""
    SNAPSHOT_READ = "snapshot_read"
    """Before a snapshot is loaded."""
    CONSUME = "consume"
    """A poll brought records."""
    DECODE = "decode"
    """They are read, and not yet with an agent."""
    PROCESS = "process"
    """An agent holds a batch and has not begun."""
    PROCESSED = "processed"
    """An agent ended its unit; nothing of it left."""
    CHANGELOG = "changelog"
    """Changed rows are records, and the transaction is not begun."""
    PRODUCE = "produce"
    """The transaction is begun, and some of its records are with the producer."""
    OFFSETS = "offsets"
    """All records are with the producer, offsets are not."""
    COMMIT = "commit"
    """Offsets are in the transaction, its commit is not asked for."""
    COMMITTED = "committed"
    """The broker committed; the worker has not taken note."""
    KEPT = "kept"
    """The worker took note."""
    SNAPSHOT = "snapshot"
    """A snapshot is half written."""
    SNAPSHOT_WRITTEN = "snapshot_written"
    """A snapshot is written, and not yet in place of the one before."""
    REVOKE = "revoke"
    """The group takes partitions; the open span is not committed."""
    REVOKED = "revoked"
    """They were let go."""
    LOST = "lost"
    """The group gave partitions away."""
    RESET = "reset"
    """A span failed and is about to be taken back, or found committed."""
    LEAVE = "leave"
    """The worker is about to leave the group."""


class FaultInjected(Exception):
    """What the plan asked for: no error of the product, so nothing may expect it."""


class Fault(NamedTuple):
    """What happens at the `nth` time that `point` is reached."""

    point: Point
    action: str
    nth: int


ACTIONS = ("kill", "stop", "raise", "fail")


class Faults:
    """A plan, and how often each point was reached."""

    def __init__(self, plan: Iterable[Fault] = ()) -> None:
        self._plan = set(plan)
        self._reached: Counter[Point] = Counter()
        self.armed = bool(self._plan)

    def reach(self, point: Point) -> None:
        """Do what the plan says. Raises FaultInjected for `raise`, KafkaException for `fail`."""
        self._reached[point] += 1
        for fault in [one for one in self._plan if one[::2] == (point, self._reached[point])]:
            self._plan.discard(fault)
            _happen(fault)


def parse(plan: str) -> list[Fault]:
    """The faults of a plan. Raises ConfigurationError for what is no plan."""
    return [_fault(text.strip()) for text in plan.split(",") if text.strip()]


def reach(point: Point) -> None:
    """The process reached this point."""
    if _faults.armed:
        _faults.reach(point)


def _fault(text: str) -> Fault:
    point, action, nth = [*text.split(":"), "", ""][:3]
    if point not in set(Point) or action not in ACTIONS or not nth.isdigit():
        raise ConfigurationError(
            f"{VARIABLE}: found {text!r}, expected point:action:nth with a point of "
            f"{', '.join(Point)} and an action of {', '.join(ACTIONS)}; it is for tests alone, unset it elsewhere"
        )
    return Fault(Point(point), action, int(nth))


def _happen(fault: Fault) -> None:
    log.warning("%s: %s at %s, time %d", VARIABLE, fault.action, fault.point.value, fault.nth)
    if fault.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault.action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif fault.action == "raise":
        raise FaultInjected(f"at {fault.point.value}")
    else:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"fault at {fault.point.value}"))


_faults = Faults(parse(os.environ.get(VARIABLE, "")))
