"""Records on their way out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from schemas.codec import Decoder, Encoder
from schemas.errors import UnfitRecord
from schemas.record_type import record_type
from schemas.store import SchemaStore
from tests.topics.events import NOON
from topics.errors import ConfigurationError, OutputTooLarge
from topics.table import MAX_RECORD_BYTES
from topics.transport.batch import Unit
from topics.transport.outbox import Metric, Outbox, Outgoing, RecordEncoder


def intervention(**fields: Any) -> dict[str, Any]:
    signals = ("composite", "intent", "friction", "clarity", "receptivity", "value")
    return {
        "intervention_id": "s-0:1:NUDGE",
        "site_id": "shop",
        "session_id": "s-0",
        "visit_started_at": NOON,
        "decided_at": NOON + 1_250,
        "tier": "NUDGE",
        "trigger": "event",
        **dict.fromkeys(signals, 50.0),
        **fields,
    }


def test_a_record_that_leaves_the_system_carries_cloudevents_headers() -> None:
    """Id, source, type and time of the record, as the Kafka binding of CloudEvents has them; the key is the session."""
    sent = RecordEncoder("/demo-lamstream").outgoing("intervention", intervention())
    assert sent.key == "s-0"
    assert dict(sent.headers or []) == {
        "ce_specversion": b"1.0",
        "ce_id": b"s-0:1:NUDGE",
        "ce_source": b"/demo-lamstream/shop",
        "ce_type": b"lamstream.intervention.v1",
        "ce_time": b"2025-10-09T08:53:21.250+00:00",
    }


def test_a_record_that_does_not_fit_its_schema_is_refused() -> None:
    """The error names the field."""
    with pytest.raises(UnfitRecord, match="composite"):
        RecordEncoder("").outgoing("intervention", intervention(composite="much"))


def test_a_topic_that_takes_no_records_of_ours_is_refused() -> None:
    """A mistyped topic does not appear on the broker."""
    with pytest.raises(ConfigurationError, match="'intervenshun' takes no records of ours"):
        RecordEncoder("").outgoing("intervenshun", intervention())


def test_a_record_over_its_topics_limit_is_refused_before_it_is_produced() -> None:
    """The error names topic, key, size and limit."""
    with pytest.raises(
        OutputTooLarge, match=rf"intervention with key 's-0' has \d+ bytes, the topic takes {MAX_RECORD_BYTES}"
    ):
        Outbox().add("intervention", Outgoing("s-0", b"x" * MAX_RECORD_BYTES))


def test_an_intervention_makes_the_span_urgent() -> None:
    """A page waits for it; sums of a site can wait."""
    outbox = Outbox()
    outbox.add("site-delta", Outgoing("shop", b"v"))
    assert not outbox.urgent
    outbox.add("intervention", Outgoing("s-0", b"v"))
    assert outbox.urgent


FAILURES: list[BaseException] = []
"""What units of `unit_into` failed with."""


def columns_of(topic: str, records: list[dict[str, Any]]) -> pa.RecordBatch:
    """The records as the columns of their type, with every default in place."""
    kind = record_type(topic)
    return Decoder(kind, SchemaStore()).decode([Encoder(kind).encode(one) for one in records]).batch


def sent_with(send: str, topic: str, what: list[Any]) -> list[Outgoing]:
    """What a unit hands to its span for `send(topic, one)` of each."""
    outbox = Outbox()
    with unit_into(outbox) as unit:
        for one in what:
            getattr(unit, send)(topic, one)
    return outbox.records[topic]


def unit_into(outbox: Outbox) -> Unit:
    completion: Any = SimpleNamespace(complete=lambda: None, fail=FAILURES.append)
    batch: Any = SimpleNamespace(encoder=RecordEncoder("/lam"), span_outbox=outbox, completion=completion)
    return Unit(batch)


def site_delta(number: int) -> dict[str, Any]:
    zeros = ("visits", "converted_visits", "orders", "order_lines", "late", "duplicate", "undecided", "capped")
    numbers = dict.fromkeys(zeros, 0) | {"folded": number, "unconsented": 0, "source_partition": 3, "watermark": NOON}
    return {"site_id": f"shop-{number % 3}", "source_topic": "session-event", **numbers}


@pytest.mark.parametrize("topic", ["intervention", "site-delta"])
def test_columns_leave_as_their_rows_would_one_by_one(topic: str) -> None:
    """The same keys, values and headers, in the same order."""
    made = {
        "intervention": [intervention(session_id=f"s-{n}", decided_at=NOON + n, composite=n / 7) for n in range(20)],
        "site-delta": [site_delta(n) for n in range(20)],
    }
    columns = columns_of(topic, made[topic])
    at_once = sent_with("send_columns", topic, [columns])
    assert len(at_once) == 20
    assert at_once == sent_with("send", topic, columns.to_pylist())
    assert sent_with("send_columns", topic, [columns.slice(0, 0)]) == []
    assert sent_with("send_all", topic, [made[topic]]) == at_once


def test_a_row_over_its_topics_limit_is_refused_by_its_own_size() -> None:
    """However small the others are; nothing of the unit leaves."""
    columns = columns_of("intervention", [intervention(), intervention(intervention_id="x" * MAX_RECORD_BYTES)])
    outbox = Outbox()
    with unit_into(outbox) as unit:
        unit.send_columns("intervention", columns)
    assert isinstance(FAILURES[-1], OutputTooLarge)
    assert "intervention with key 's-0'" in str(FAILURES[-1])
    assert not outbox


def test_columns_for_a_topic_that_takes_no_records_are_refused() -> None:
    """As a record would be."""
    with pytest.raises(ConfigurationError, match="'nowhere' takes no records of ours"):
        RecordEncoder("").outgoing_columns("nowhere", columns_of("intervention", [intervention()]))


def count_and_fail(unit: Unit) -> None:
    unit.count("lam_visits_total", site="other")
    unit.send("nowhere", {})


def test_counts_of_a_unit_add_up_in_its_span_and_those_of_a_failed_one_are_nothing() -> None:
    """By name and labels, in whatever order labels are given."""
    outbox = Outbox()
    for _ in range(2):
        with unit_into(outbox) as unit:
            unit.count("lam_visits_total", site="shop", tier="NUDGE")
            unit.count("lam_visits_total", 2.5, tier="NUDGE", site="shop")
            unit.count("lam_visits_total", site="other")
    with unit_into(outbox) as unit:
        count_and_fail(unit)
    assert isinstance(FAILURES[-1], ConfigurationError)
    assert outbox.counts == {
        Metric("lam_visits_total", (("site", "shop"), ("tier", "NUDGE"))): 7.0,
        Metric("lam_visits_total", (("site", "other"),)): 2.0,
    }
    assert outbox
