"""The peer decides on the same numbers as lamstream, so that both do the same job."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.journeys import journey
from bench.peers.stock_faust import rules
from bench.peers.stock_faust.deciding import Decider, Past, remember
from bench.peers.stock_faust.inputs import inputs
from bench.peers.stock_faust.records import Writer, decision_record, intervention_record
from models.ava.deciding import Policy, judged
from models.behaviour.moment import INPUTS
from models.behaviour.moment_matrix import moment_matrix
from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.models.ava.cases import FREE, evaluations
from tests.models.behaviour.replay import Partition
from tests.reference.fold import PartitionFold

START = 1_790_000_000_000
STEP_MS = 3_000
NOT_FOLDED = {"help_searches", "out_of_stock_in_view"}


def played(seed: int, length: int) -> list[dict[str, Any]]:
    """A journey as one session's events."""
    ids = [{"event_id": f"e{n}", "session_id": "s", "seq": n, "attributes": {}} for n in range(length)]
    times = [START + n * STEP_MS for n in range(length)]
    stamps = [{"occurred_at": t, "sent_at": t, "received_at": t} for t in times]
    return [{**e, **i, **s} for e, i, s in zip(journey(seed, length), ids, stamps, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_inputs_and_signals_are_those_of_the_product(seed: int) -> None:
    """A visit has the same 128 numbers and the same signals here and there, but for what the plain fold leaves out."""
    events = played(seed, 60)
    fold, partition = PartitionFold(), Partition().take(events)
    for event in events:
        fold.record(event, event["sent_at"])
    now_ms = fold.live["s"].last + 20_000
    x = inputs(fold.live["s"], now_ms, 0)
    place = partition.places["s"]
    expected = moment_matrix(partition.rows, np.array([place]), np.array([now_ms]))
    left_out = [feature.name in NOT_FOLDED for feature in INPUTS]
    assert np.array_equal(np.where(left_out, 0, np.array(x, np.float32)), np.where(left_out, 0, expected[0]))
    verdicts = judged(evaluations(np.array(x, np.float32)), [FREE], Policy(rules.CATALOG))
    found = rules.detected(x)
    assert rules.signals(x, found) == pytest.approx(verdicts.rule[0].tolist(), abs=1e-4)


def test_what_it_decides_is_told_in_the_schemas_of_the_product() -> None:
    """Of a visit, decisions of several tiers come out, each once a friction, and every record decodes."""
    fold, decider, past = PartitionFold(), Decider(b"a key of sixteen bytes"), Past(START)
    told: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for event in played(3, 200):
        fold.record(event, event["sent_at"])
        visit = fold.live["s"]
        decision = decider.decide(visit, past, visit.last)
        if decision is not None and decision.result != "suppress":
            record = decision_record(visit, past, decision, None)
            told.append((record, intervention_record(record, decision)))
            remember(past, decision)
    for name, records in zip(("decision", "intervention"), zip(*told, strict=True), strict=True):
        decoded = Decoder(record_type(name), SchemaStore()).decode([Writer(name)(record) for record in records])
        assert decoded.batch.num_rows == len(records) > 1
    frictions = [record["friction_id"] for record, _ in told]
    assert len(set(frictions)) == len(frictions) == past.decisions
    assert len({record["tier"] for record, _ in told}) > 1
