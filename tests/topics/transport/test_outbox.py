"""Records on their way out."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.errors import UnfitRecord
from tests.topics.events import NOON
from topics.errors import ConfigurationError, OutputTooLarge
from topics.table import MAX_RECORD_BYTES
from topics.transport.outbox import Outbox, Outgoing, RecordEncoder


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
