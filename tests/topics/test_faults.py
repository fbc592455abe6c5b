"""A plan of faults does what it says, once, and nothing else."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException

from topics.errors import ConfigurationError
from topics.faults import Fault, FaultInjected, Faults, Point, parse


def test_a_fault_happens_at_its_time_and_once() -> None:
    """The nth reach of the point breaks, those before and behind it do not, nor do other points."""
    faults = Faults(parse("commit:raise:2, offsets:fail:1"))
    faults.reach(Point.COMMIT)
    with pytest.raises(FaultInjected):
        faults.reach(Point.COMMIT)
    faults.reach(Point.COMMIT)
    with pytest.raises(KafkaException):
        faults.reach(Point.OFFSETS)
    faults.reach(Point.OFFSETS)


def test_a_plan_is_read() -> None:
    """A plan names point, action and time."""
    assert parse("produce:kill:7") == [Fault(Point.PRODUCE, "kill", 7)]
    assert parse("") == []


@pytest.mark.parametrize("plan", ["commit", "nowhere:kill:1", "commit:burn:1", "commit:kill:soon"])
def test_what_is_no_plan_is_refused(plan: str) -> None:
    """A word that is no point, action or number is named, with what there is."""
    with pytest.raises(ConfigurationError, match="point:action:nth"):
        parse(plan)
