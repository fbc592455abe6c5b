"""What a worker says of itself moves with what it does."""

from __future__ import annotations

import pytest

from agents.metrics import AGENT_METRICS, AgentMetrics, short_name
from tests.kafka import Broker
from tests.topics.engine import engine_settings, running
from tests.topics.events import NOON, event, publish, publish_raw
from topics.errors import ConfigurationError
from topics.metrics import ENGINE_METRICS, STAGES, Meter
from topics.settings import load_settings
from topics.transport.app import StreamApp
from topics.transport.standing import Standing

EVENTS = [event(number, f"s-{number % 5}") for number in range(40)]
LABELS = {"topic", "partition", "group", "reason", "stage", "state", "status", "event", "error"}
LABELS |= {"id", "version", "guarantee", "clock", "tier", "result", "gate", "condition", "action", "outcome"}
LABELS |= {"revision", "provider", "cause"}


def sampled(app: StreamApp) -> dict[str, dict[tuple[str, ...], float]]:
    """Every sample of ours by name, then by its label values."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in app.meter.registry.collect():
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def caught_up(app: StreamApp) -> bool:
    """Whether the end of every partition is known and reached, and everything was committed."""
    found = sampled(app)
    lag = found.get("lamstream_lag_records", {})
    return len(lag) == 4 and not any(lag.values()) and found["lamstream_open_span_age_seconds"][()] == 0


async def test_metrics_move_with_the_stream(broker: Broker) -> None:
    """Records, dead letters, batches, stages, commits, state, time and partitions, each seen after a few events."""
    settings = engine_settings(broker)
    topic = settings.prefix + "session-event"
    publish(broker.bootstrap, topic, EVENTS)
    publish_raw(broker.bootstrap, topic, [(b"s-0", b"garbage")])
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
        await engine.until(lambda: caught_up(engine.app))
        found = sampled(engine.app)
        assert engine.app.standing.ready
        assert engine.app.standing.turned_ago_s < settings.poll_limit_s

    def total(name: str) -> float:
        return sum(found[name].values())

    assert total("lamstream_consumed_records_total") == len(EVENTS) + 1
    assert total("lamstream_decoded_records_total") == len(EVENTS)
    assert found["lamstream_dead_letters_total"] == {("session-event", "decode", "not_avro"): 1}
    assert total("lamstream_batch_records_sum") == len(EVENTS)
    timed = {stage for (stage,), seconds in found["lamstream_worker_seconds_total"].items() if seconds > 0}
    assert timed == set(STAGES) - {"snapshot"}
    assert total("lamstream_commit_seconds_count") >= 1
    assert found["lamstream_output_records_total"][("session-event.dlq",)] == 1
    assert found["lamstream_changelog_records_total"][("session",)] >= 5
    assert found["lamstream_changelog_bytes_total"][("session",)] > 5 * 16
    assert found["lamstream_partitions"] == {("live", "ready"): 4}
    assert found["lamstream_state_rows"] == {("session",): 5}
    assert found["lamstream_state_memory_bytes"][("session",)] > 0
    assert max(found["lamstream_watermark_seconds"].values()) >= (NOON + len(EVENTS) - 1) / 1000
    assert set(found["lamstream_watermark_skew_seconds"]) == {("live",)}
    assert min(found["lamstream_event_time_lag_seconds"].values()) > 0
    assert set(found["lamstream_lag_records"].values()) == {0}
    assert found["lamstream_rebalances_total"][("assigned",)] == 1
    assert total("lamstream_restore_seconds_count") == 4
    assert found["lamstream_worker_info"][("worker-0", "0.1.0", settings.guarantee.value, "wall")] == 1
    assert "lamstream_stops_total" not in {name for name, values in found.items() if values}


async def test_a_stream_that_stops_counts_why(embedded: str) -> None:
    """The error's class is the label; what was restored is counted in records."""
    settings = engine_settings(Broker(embedded, transactional=False), breaker_run=3)
    topic = settings.prefix + "session-event"
    publish(embedded, topic, EVENTS)
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
    async with running(settings) as engine:
        await engine.until(lambda: engine.partitions == 4)
        publish_raw(embedded, topic, [(b"s-0", b"garbage")] * 3)
        await engine.failure()
        found = sampled(engine.app)
    assert found["lamstream_stops_total"] == {("BreakerOpen",): 1}
    assert found["lamstream_restored_records_total"][()] >= 5


def test_every_metric_is_declared_once_and_its_labels_are_bounded() -> None:
    """Nothing is exported that is not in the tables, and no label could be a session."""
    declared = [*ENGINE_METRICS, *AGENT_METRICS]
    assert len({one.name for one in declared}) == len(declared)
    assert all(set(one.labels) <= LABELS for one in declared)
    assert all((one.kind == "counter") == one.name.endswith("_total") for one in declared)
    meter = Meter(load_settings())
    Standing(load_settings(), meter)
    AgentMetrics(meter.registry)
    exported = {family.name for family in meter.registry.collect() if family.name.startswith("lamstream_")}
    assert exported == {one.name.removesuffix("_total") for one in declared}


def test_what_agents_count_arrives_under_its_name() -> None:
    """Every declared name is taken with its labels, and a model replaces the one before."""
    registry = Meter(load_settings()).registry
    agents = AgentMetrics(registry)
    agents.apply("decisions", {"tier": "ACTIVE", "result": "sent"}, 2)
    agents.apply("rewards", {"outcome": "late"}, 1)
    agents.apply("scoring_seconds", {}, 0.25)
    agents.apply("scorer", {"version": "1", "provider": "cpu"}, 1)
    agents.apply("scorer", {"version": "2", "provider": "cuda"}, 1)
    assert registry.get_sample_value("lamstream_decisions_total", {"tier": "ACTIVE", "result": "sent"}) == 2
    assert registry.get_sample_value("lamstream_rewards_total", {"outcome": "late"}) == 1
    assert registry.get_sample_value("lamstream_scoring_seconds_total") == 0.25
    assert registry.get_sample_value("lamstream_scorer_info", {"version": "1", "provider": "cpu"}) is None
    assert registry.get_sample_value("lamstream_scorer_info", {"version": "2", "provider": "cuda"}) == 1
    assert [short_name(one) for one in AGENT_METRICS][:3] == ["evaluations", "decisions", "suppressed"]


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("lamstream_decisions_total", {"tier": "ACTIVE", "result": "sent"}),
        ("visitors", {}),
        ("decisions", {"tier": "ACTIVE"}),
        ("decisions", {"tier": "ACTIVE", "result": "sent", "session_id": "s"}),
        ("rewards", {"outcome": "lost"}),
    ],
)
def test_a_count_that_is_not_declared_is_refused(name: str, labels: dict[str, str]) -> None:
    """A typing error shows in the first test that counts."""
    with pytest.raises(ConfigurationError, match=r"found a count of .* expected"):
        AgentMetrics(Meter(load_settings()).registry).apply(name, labels, 1)
