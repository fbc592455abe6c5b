"""Compacted topics that every worker reads whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schemas.encoder import Encoder
from schemas.record_type import record_type
from tests.kafka import Broker
from tests.topics.engine import Engine, count, engine_settings, running
from tests.topics.events import event, publish, publish_raw
from tests.topics.tables import extend
from topics.clients import producer
from topics.errors import ConfigurationError, SchemaMissing
from topics.settings import Settings, UnknownSchemaPolicy, load_settings
from topics.table import TopicSpec
from topics.transport.app import StreamApp
from topics.transport.batch import RecordBatch, Unit

SITES = TopicSpec("sites", "What is known of sites.", record="site-delta", key="site_id", compact=True)
ENCODER = Encoder(record_type("site-delta"))
UNKNOWN = b"\xc3\x01" + bytes(8) + b"what nobody knows"


@pytest.fixture(autouse=True)
def global_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    extend(monkeypatch, topics=(SITES,))


class Known:
    """A global state: what was folded on each site, and the offsets at which that was said."""

    def __init__(self) -> None:
        self.folded: dict[str, int] = {}
        self.offsets: list[int] = []

    def apply(self, key: str, record: dict[str, Any] | None, offset: int) -> None:
        self.offsets.append(offset)
        if record is None:
            self.folded.pop(key, None)
        else:
            self.folded[key] = record["folded"]

    def declare(self, app: StreamApp) -> None:
        app.global_state("sites", self.apply)


def site(name: str, folded: int) -> tuple[bytes | None, bytes | None]:
    numbers = ("visits", "converted_visits", "orders", "order_lines", "late", "duplicate", "undecided", "capped")
    record = {"site_id": name, "source_topic": "t", "source_partition": 0, "watermark": -1, "unconsented": 0}
    return name.encode(), ENCODER.encode(record | dict.fromkeys(numbers, 0) | {"folded": folded})


def tell(settings: Settings, *records: tuple[bytes | None, bytes | None]) -> None:
    publish_raw(settings.broker, settings.prefix + "sites", records)


def remembering(known: Known, seen: list[dict[str, int]]) -> Callable[[Engine, RecordBatch, Unit], Any]:
    async def body(engine: Engine, batch: RecordBatch, unit: Unit) -> None:
        seen.append(dict(known.folded))
        await count(engine, batch, unit)

    return body


async def test_it_is_whole_before_the_first_batch_and_kept_up_with(
    broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    """The newest record of each key, less the deleted; what cannot be read is logged and changes nothing."""
    settings = engine_settings(broker)
    known, seen = Known(), list[dict[str, int]]()
    bad = [(b"b", b"?"), (b"b", site("b", -5)[1]), (b"b", site("a", 7)[1])]
    tell(settings, site("a", 1), site("b", 2), site("gone", 3), site("a", 4), (b"gone", None), *bad)
    publish(settings.broker, settings.prefix + "session-event", [event(0)])
    async with running(settings, remembering(known, seen), known.declare) as engine:
        await engine.until(lambda: engine.seen == 1)
        assert {tuple(sorted(one.items())) for one in seen} == {(("a", 4), ("b", 2))}
        tell(settings, site("c", 9), (b"a", None))
        await engine.until(lambda: known.folded == {"b": 2, "c": 9})
    assert len(known.offsets) == 7
    told = [record.getMessage() for record in caplog.records if "skipped" in record.getMessage()]
    assert [text.split(": ")[2] for text in told] == ["not_avro", "out_of_range", "key_mismatch"]
    assert all(f"{settings.prefix}sites[" in text and "offset" in text for text in told)


async def test_a_start_waits_for_no_transaction(kafka: str) -> None:
    """One that a dead worker left open holds up none of what was known before; what it says comes once committed."""
    settings = engine_settings(Broker(kafka, transactional=True))
    known, seen = Known(), list[dict[str, int]]()
    tell(settings, site("a", 1))
    left_open = producer(settings, transactional_id=settings.prefix + "dead")
    left_open.init_transactions()
    left_open.begin_transaction()
    key, value = site("a", 2)
    left_open.produce(settings.prefix + "sites", value, key)
    left_open.flush()
    publish(settings.broker, settings.prefix + "session-event", [event(0)])
    async with running(settings, remembering(known, seen), known.declare) as engine:
        await engine.until(lambda: engine.seen == 1)
        assert seen[0] == {"a": 1}
        left_open.commit_transaction()
        await engine.until(lambda: known.folded == {"a": 2})


async def test_a_record_of_an_unknown_schema_stops_the_worker_or_is_skipped(embedded: str) -> None:
    """As a record of an agent would: looked up for a while, and then as the settings say."""
    settings = engine_settings(Broker(embedded, transactional=False), unknown_schema_wait_s=0.3)
    tell(settings, site("a", 1), (b"a", UNKNOWN))
    async with running(settings, prepare_app=Known().declare) as engine:
        failure = await engine.failure()
    assert isinstance(failure, SchemaMissing)
    known = Known()
    skipping = settings.model_copy(update={"unknown_schema": UnknownSchemaPolicy.DLQ})
    async with running(skipping, prepare_app=known.declare) as engine:
        await engine.until(lambda: engine.ticks > 0)
        assert known.folded == {"a": 1}


async def test_the_embedded_broker_makes_a_global_topic_when_it_is_asked_for(embedded: str) -> None:
    """An empty one: there is nothing to read."""
    settings = load_settings(broker=embedded, prefix="bare-", worker_id="w", guarantee="at_least_once", tick_s=0.2)
    known = Known()
    async with running(settings, prepare_app=known.declare) as engine:
        await engine.until(lambda: engine.ticks > 0)
    assert known.folded == {}


@pytest.mark.parametrize("topic", ["nowhere", "site-delta", "lamstream-schemas"])
def test_other_topics_cannot_be_global_states(topic: str) -> None:
    """Not in the table, not compacted, no records of ours: told when it is declared."""
    app = StreamApp(load_settings(worker_id="w"))
    with pytest.raises(ConfigurationError, match=f"{topic}' cannot be a global state"):
        app.global_state(topic, Known().apply)
