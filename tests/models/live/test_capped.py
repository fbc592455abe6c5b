"""Visits with more events than a visit may have."""

from __future__ import annotations

from dataclasses import replace

from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.behaviour.config import FoldConfig
from tests.models.live.partition import LivePartition, minds
from tests.reference.make import event

CAP = 2


def test_a_capped_event_is_no_evaluation() -> None:
    """A visit is evaluated for what is folded: events beyond its cap lead to no evaluation, and so to no id twice."""
    made = minds(config=FoldConfig(event_cap=CAP))
    partition = LivePartition(replace(made, decider=Decider(Policy(installed_catalog(), sample_rate=1.0), made.draws)))
    for seconds in (0, 1, 2, 1.5, 1.7):
        partition.take([event("click", seconds)])
    assert partition.counts["evaluations", ()] == CAP
    assert len({one["decision_id"] for one in partition.records["decision"]}) == CAP
