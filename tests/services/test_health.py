"""A worker's endpoints, asked over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from typing import Any, cast

import pyarrow as pa
import pytest
from confluent_kafka import TopicPartition

from services.health import served
from tests.kafka import Broker
from tests.topics.engine import COUNTS, engine_settings, running
from tests.topics.events import event, publish
from topics.errors import ConfigurationError
from topics.metrics import Meter
from topics.settings import Settings, load_settings
from topics.state.column import ColumnState
from topics.state.restore import Progress
from topics.table import GROUPS
from topics.transport.assignment import Assignment, Status
from topics.transport.standing import Standing


def ask(address: str | None, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"{address}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def standing_of(**overrides: Any) -> tuple[Settings, Standing]:
    settings = load_settings(worker_id="w", metrics_port=0, **overrides)
    return settings, Standing(settings, Meter(settings))


async def test_a_running_worker_is_healthy_ready_and_measured(embedded: str) -> None:
    """All three answer 200 once it has its partitions."""
    settings = engine_settings(Broker(embedded, transactional=False), metrics_port=0)
    publish(embedded, settings.prefix + "session-event", [event(1)])
    async with running(settings) as engine:
        with served(settings, engine.app.standing) as address:
            await engine.until(lambda: engine.seen == 1 and engine.partitions == 4)
            ready = await asyncio.to_thread(ask, address, "/readyz")
            healthy = await asyncio.to_thread(ask, address, "/healthz")
            metrics = await asyncio.to_thread(ask, address, "/metrics?name=all")
    assert (ready[0], json.loads(ready[1])) == (200, {"joined": True, "partitions": 4, "restoring": []})
    assert healthy[0] == 200
    assert metrics[0] == 200
    assert "# HELP lamstream_consumed_records_total Records taken from Kafka." in metrics[1]
    assert 'lamstream_partitions{group="live",status="ready"} 4.0' in metrics[1]
    assert "_created" not in metrics[1]


def test_a_worker_is_ready_when_it_joined_and_all_its_state_is_whole() -> None:
    """Until then 503 names each partition that is restored, with its rows, and what is read and left of its log."""
    settings, standing = standing_of()
    assignment = Assignment(settings, GROUPS, {"session": lambda: ColumnState(COUNTS)})
    standing.attach(assignment, cast(Any, None))
    with served(settings, standing) as address:
        alone = ask(address, "/readyz")
        standing.meter.rebalanced("assigned")
        first, second = assignment.assign([TopicPartition("session-event", number, 0) for number in range(2)])
        first.status = Status.READY
        second.states["session"].row_numbers(pa.array(["s-0", "s-1"]))  # type: ignore[attr-defined]
        second.progress = Progress(began=time.monotonic() - 10, to_read=1000, left=900, read=100)
        restoring = ask(address, "/readyz")
        metrics = ask(address, "/metrics")
        second.status = Status.READY
        ready = ask(address, "/readyz")
    assert (alone[0], json.loads(alone[1])) == (503, {"joined": False, "partitions": 0, "restoring": []})
    assert restoring[0] == 503
    (one,) = json.loads(restoring[1])["restoring"]
    assert (one["group"], one["partition"], one["rows"]) == ("live", 1, 2)
    assert (one["records_read"], one["records_left"]) == (100, 900)
    assert one["seconds_left"] == pytest.approx(900 / one["records_per_second"], rel=0.1)
    assert 'lamstream_restore_left_records{group="live",partition="1"} 900.0' in metrics[1]
    assert (ready[0], json.loads(ready[1])) == (200, {"joined": True, "partitions": 2, "restoring": []})


def test_a_cycle_that_turns_no_more_is_not_healthy() -> None:
    """Past LAM_POLL_LIMIT_S the group has given the partitions away, and a supervisor should act."""
    settings, standing = standing_of()
    with served(settings, standing) as address:
        assert ask(address, "/healthz")[0] == 200
        standing.meter.last_turn -= settings.poll_limit_s
        status, body = ask(address, "/healthz")
    assert status == 503
    assert json.loads(body)["turned_ago_s"] >= json.loads(body)["limit_s"] == settings.poll_limit_s


def test_only_reading_of_what_is_there_is_answered() -> None:
    """404 names the paths; nothing can be written."""
    settings, standing = standing_of()
    with served(settings, standing) as address:
        status, body = ask(address, "/")
        assert (status, json.loads(body)) == (404, {"expected": ["/healthz", "/metrics", "/readyz"]})
        status, body = ask(address, "/metrics", "POST")
        assert (status, json.loads(body)) == (404, {"expected": []})
        assert ask(address, "/metrics", "PUT")[0] == 501


def test_a_port_that_is_taken_is_named() -> None:
    """The second worker of a machine says which setting to change."""
    settings, standing = standing_of()
    with served(settings, standing) as address:
        assert address is not None
        taken = settings.model_copy(update={"metrics_port": int(address.rsplit(":", 1)[1])})
        with pytest.raises(ConfigurationError, match=r"LAM_METRICS_PORT is \d+"), served(taken, standing):
            pass


def test_an_empty_port_is_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """For those who scrape otherwise."""
    monkeypatch.setenv("LAM_METRICS_PORT", "")
    settings = load_settings()
    with served(settings, Standing(settings, Meter(settings))) as address:
        assert address is None
