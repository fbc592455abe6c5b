"""`lam publish`, `lam tail` and `lam lag` from outside, on both brokers."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from fastavro import schemaless_writer

from schemas.record_type import record_type
from schemas.tree import schema_fingerprint
from tests.kafka import Broker
from tests.services.running import LAM, LIMIT_S, Said, lam_here
from tests.topics.engine import engine_settings, running
from tests.topics.events import ENCODER, event, publish, publish_raw
from tests.topics.raw import Raw
from topics.clients import producer
from topics.lag import lags
from topics.settings import Settings, load_settings
from topics.transport.dead_letters import dead_letter

EVENTS = [event(number, f"s-{number % 3}") for number in range(30)]


def environment(settings: Settings) -> dict[str, str]:
    return {"LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix}


def lam(settings: Settings, *arguments: str, given: bytes = b"", **further: str) -> Said:
    return lam_here(*arguments, given=given, **environment(settings), **further)


def tailed(settings: Settings, *arguments: str) -> list[dict[str, Any]]:
    told = lam(settings, "tail", *arguments, "--from", "beginning", "--until-end")
    assert told.returncode == 0, told.stderr.decode()
    return [json.loads(line) for line in told.stdout.splitlines()]


def jsonl(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_what_is_published_comes_out_of_tail(broker: Broker, tmp_path: Path) -> None:
    """Good lines go, bad ones are told by number, the status says so; tail shows the records and filters them."""
    settings = engine_settings(broker)
    file = tmp_path / "events.jsonl"
    file.write_bytes(jsonl(EVENTS[:6]) + b"\xff\n\n" + jsonl([event(1, scroll_depth=2.0)]) + jsonl(EVENTS[6:]))
    told = lam(settings, "publish", "session-event", str(file))
    assert told.returncode == 1
    first, second, summary = told.stderr.decode().splitlines()
    assert first.startswith("line 7: refused: found b'\\xff'; expected UTF-8")
    assert second.startswith("line 9: refused: found 2.0 in field scroll_depth; expected 0 to 1")
    assert summary == "session-event: 30 of 30 good published, 2 refused"

    shown = tailed(settings, "session-event")
    assert sorted(one["event_id"] for one in shown) == sorted(one["event_id"] for one in EVENTS)
    chosen = tailed(settings, "session-event", "--key", "s-1", "--where", f"occurred_at>{EVENTS[9]['occurred_at']}")
    assert [one["event_id"] for one in chosen] == [one["event_id"] for one in EVENTS[10:] if one["session_id"] == "s-1"]
    (only,) = tailed(settings, "session-event", "--raw", "--limit", "1", "--where", "consent.analytics=true")
    assert only["key"] == only["record"]["session_id"]
    assert (only["topic"], only["headers"]) == (settings.prefix + "session-event", {})


def test_strict_publishes_all_or_nothing(embedded: str) -> None:
    """One bad line on a pipe, and nothing goes; without it, everything."""
    settings = engine_settings(Broker(embedded, transactional=False))
    mixed = lam(settings, "publish", "session-event", "--strict", "--json", given=jsonl(EVENTS) + b"{}\n")
    refused, summary = (json.loads(line) for line in mixed.stdout.splitlines())
    assert mixed.returncode == 1
    assert refused == {"line": 31, "refused": "found no field event_id; expected a string"}
    assert summary == {"topic": "session-event", "good": 30, "refused": 1, "published": 0}
    assert tailed(settings, "session-event") == []

    clean = lam(settings, "publish", "session-event", "-", "--strict", "--json", given=jsonl(EVENTS))
    assert clean.returncode == 0, clean.stderr.decode()
    assert json.loads(clean.stdout) == {"topic": "session-event", "good": 30, "refused": 0, "published": 30}
    assert len(tailed(settings, "session-event")) == 30


def test_a_dry_run_needs_no_broker_and_other_writers_topics_are_refused() -> None:
    """What is checked is told; what workers write stays theirs."""
    nowhere = load_settings(broker="127.0.0.1:1")
    told = lam(nowhere, "publish", "session-event", "--dry-run", given=jsonl(EVENTS[:2]))
    assert (told.returncode, told.stderr) == (0, b"session-event: 2 good, nothing published, 0 refused\n")
    theirs = lam(nowhere, "publish", "intervention", "--dry-run")
    assert theirs.returncode == 2
    assert theirs.stderr.startswith(b"lam: topic 'intervention' is not written by hand")


def test_tail_shows_what_cannot_be_read_and_looks_schemas_up(broker: Broker) -> None:
    """Dead letters with their reasons, bytes of what does not decode, and a stranger's schema once it is published."""
    settings = engine_settings(broker)
    stranger = json.loads(record_type("session-event").schema_json)
    stranger["fields"] = [one for one in stranger["fields"] if one["name"] != "visitor_id"]
    fingerprint = schema_fingerprint(json.dumps(stranger))
    payload = ENCODER.encode(event(1))
    known = record_type("session-event").fingerprint
    foreign = payload.replace(known, b"12345678")
    letter = dead_letter(
        Raw(b"s-0", b"\x00\xff", [("theirs", b"x")]), topic="t", reason="not_avro", stage="decode", message="no"
    )
    client = producer(settings)
    name = settings.prefix + "session-event"
    client.produce(name + ".dlq", letter.value, letter.key, headers=letter.headers)
    client.produce(settings.prefix + "lamstream-schemas", json.dumps(stranger).encode(), fingerprint.hex())
    assert client.flush(30) == 0
    publish_raw(settings.broker, name, [(b"s-0", foreign), (b"s-0", _written_with(stranger)), (b"s-0", None)])

    bad, decoded, deleted = tailed(settings, "session-event")
    assert bad["bad"].startswith("unknown_schema: ")
    assert decoded["event_id"] == "e-2"
    assert deleted == {"deleted": "s-0"}
    (dead,) = tailed(settings, "session-event.dlq", "--where", "reason=not_avro")
    assert (dead["value_base64"], dead["headers"], dead["message"]) == ("AP8=", {"theirs": "x"}, "no")
    assert fingerprint.hex() in {one["fingerprint"] for one in tailed(settings, "lamstream-schemas")}


def _written_with(schema: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, schema, event(2))
    return b"\xc3\x01" + schema_fingerprint(json.dumps(schema)) + out.getvalue()


@pytest.mark.parametrize("command", [("publish", "session-event"), ("tail", "session-event"), ("lag",)])
def test_a_broker_that_is_not_there_is_one_message(command: tuple[str, ...]) -> None:
    """No traceback: which broker, and what to look at."""
    told = lam(load_settings(broker="127.0.0.1:1"), *command, LAM_REQUEST_TIMEOUT_S="1")
    assert told.returncode == 2
    assert b"127.0.0.1:1" in told.stderr
    assert b"is LAM_BROKER right" in told.stderr
    assert b"Traceback" not in told.stderr


@pytest.mark.parametrize("topic", ["nothing", "lamstream-session-changelog"])
def test_tail_says_what_it_does_not_read(topic: str) -> None:
    """A changelog's rows mean nothing to people, and a topic outside the table is not known."""
    told = lam(load_settings(broker="127.0.0.1:1"), "tail", topic)
    assert told.returncode == 2
    assert told.stderr.startswith(f"lam: topic {topic!r}".encode()) or b"is a changelog" in told.stderr


@pytest.mark.parametrize("ending", ["ctrl-c", "head"])
def test_tail_ends_well(embedded: str, ending: str) -> None:
    """Ctrl-C, and a reader that has enough, are status 0 and no word."""
    settings = engine_settings(Broker(embedded, transactional=False))
    publish(embedded, settings.prefix + "session-event", EVENTS)
    tail = subprocess.Popen(
        [*LAM, "tail", "session-event", "--from", "10"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment(settings)},
    )
    assert tail.stdout is not None
    assert tail.stderr is not None
    assert json.loads(tail.stdout.readline())["site_id"] == "shop"
    if ending == "ctrl-c":
        tail.send_signal(signal.SIGINT)
    else:
        tail.stdout.close()
        deadline = time.monotonic() + LIMIT_S
        while tail.poll() is None and time.monotonic() < deadline:
            publish(embedded, settings.prefix + "session-event", EVENTS)
    assert tail.wait(LIMIT_S) == 0
    assert tail.stderr.read() == b""
    tail.stderr.close()
    tail.stdout.close()


async def test_lag_is_what_was_not_committed(broker: Broker) -> None:
    """All of it before a worker came, none of what its agent read once it has left; JSON and library say the same."""
    settings = engine_settings(broker)
    publish(broker.bootstrap, settings.prefix + "session-event", EVENTS)
    assert sum(one.lag for one in lags(settings)) == len(EVENTS)
    assert {one.committed for one in lags(settings)} == {None}
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
    found = lags(settings)
    told = json.loads(lam(settings, "lag", "--json").stdout)
    assert (told["group"], told["lag"]) == (settings.group_id, sum(one.lag for one in found))
    assert sum(one.lag for one in found if one.topic.endswith("session-event")) == 0
    assert told["partitions"] == [one._asdict() for one in found]
    assert {one.partition for one in found} == {0, 1, 2, 3}
    assert b"session-event" in lam(settings, "lag").stdout
