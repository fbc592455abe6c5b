"""`lam dlq` from outside: what workers diverted is listed, shown, copied, and sent back once."""

from __future__ import annotations

import base64
import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from fastavro import schemaless_writer
from typer.testing import CliRunner, Result

from schemas.record_type import record_type
from schemas.tree import schema_fingerprint
from services.cli import cli
from services.dlq.history import history_of
from services.dlq.letters import Letter, letter_of
from services.dlq.reading import NoSuchLetter
from services.dlq.sending import RetryFailed, Sender
from services.showing import view
from tests.kafka import Broker
from tests.services import running as command
from tests.topics.engine import engine_settings, running, whole_topic
from tests.topics.events import ENCODER, event, publish, publish_raw
from topics.clients import producer
from topics.errors import ConfigurationError
from topics.settings import Settings, load_settings
from topics.table import RETRIED_TOPIC, SCHEMAS_TOPIC

STRANGERS = 5
NOT_AVRO = b"\x1b[2J\xff"
KEY = b"s-0"


def stranger() -> dict[str, Any]:
    """A schema of a producer's own, which nobody published."""
    schema: dict[str, Any] = json.loads(record_type("session-event").schema_json)
    schema["fields"] = [one for one in schema["fields"] if one["name"] != "visitor_id"]
    return schema


def written_with(schema: dict[str, Any], number: int) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, schema, event(number))
    return b"\xc3\x01" + schema_fingerprint(json.dumps(schema)) + out.getvalue()


def publish_schema(settings: Settings, schema: dict[str, Any]) -> None:
    text = json.dumps(schema)
    client = producer(settings)
    client.produce(settings.prefix + SCHEMAS_TOPIC, text.encode(), schema_fingerprint(text).hex())
    assert client.flush(30) == 0


def diverted(settings: Settings) -> list[Letter]:
    return [letter_of(one, settings.prefix) for one in whole_topic(settings, "session-event.dlq")]


def dlq(settings: Settings, *arguments: str, **further: str) -> Result:
    """What `lam dlq` does, in this process."""
    given = {"LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix, **further}
    return CliRunner().invoke(cli, ["dlq", *arguments], env=given)


def told(settings: Settings, *arguments: str, status: int = 0) -> Any:
    """What a command printed as JSON."""
    ended = dlq(settings, *arguments, "--json")
    assert ended.exit_code == status, (ended.exception, ended.output)
    return json.loads(ended.stdout)


async def divert(broker: Broker) -> Settings:
    """A stream that diverted five events of an unknown schema, one that is no Avro and one out of range."""
    settings = engine_settings(broker, unknown_schema="dlq", unknown_schema_wait_s=0)
    schema = stranger()
    bad = [(KEY, written_with(schema, number)) for number in range(STRANGERS)]
    bad += [(KEY, NOT_AVRO), (KEY, ENCODER.encode(event(90, scroll_depth=2.0)))]
    publish_raw(settings.broker, settings.prefix + "session-event", bad)
    async with running(settings) as engine:
        publish(settings.broker, settings.prefix + "session-event", [event(99)])
        await engine.until(lambda: engine.seen == 1)
    # Commands read to the stable end, which a commit reaches only when its markers are written.
    assert len(diverted(settings)) == len(bad)
    return settings


async def test_letters_are_listed_shown_and_copied(broker: Broker, tmp_path: Path) -> None:
    """Counts by reason, one letter at length without a control character, and files that hold every byte."""
    settings = await divert(broker)
    rows = {row["reason"]: row for row in told(settings, "list")}
    assert {reason: row["letters"] for reason, row in rows.items()} == {
        "unknown_schema": STRANGERS,
        "not_avro": 1,
        "out_of_range": 1,
    }
    listed = dlq(settings, "list").stdout
    assert "session-event.dlq: 7 letters, 0 retried" in listed
    only = dlq(settings, "list", "--each", "--reason", "not_avro", "--since", "1h").stdout
    assert only.startswith(rows["not_avro"]["example"])
    assert told(settings, "list", "--topic", "mutation") == []
    assert told(settings, "list", "--limit", "2")[0]["letters"] == 2

    shown = dlq(settings, "show", rows["not_avro"]["example"]).stdout
    assert "00000000  1b 5b 32 4a ff" in shown
    assert all(line.isprintable() for line in shown.splitlines())
    assert dlq(settings, "show", rows["not_avro"]["example"], "--raw", "-").stdout_bytes == NOT_AVRO
    decoded = told(settings, "show", rows["out_of_range"]["example"])
    assert (decoded["record"]["scroll_depth"], decoded["retried"]) == (2.0, False)
    nowhere = dlq(settings, "show", rows["not_avro"]["example"] + "000")
    assert isinstance(nowhere.exception, NoSuchLetter)

    file = tmp_path / "letters.jsonl"
    assert dlq(settings, "export", "--out", str(file), "--stage", "decode").exit_code == 0
    objects = [json.loads(text) for text in file.read_text().splitlines()]
    values = sorted(base64.b64decode(one["value_base64"]) for one in objects)
    assert values == sorted([NOT_AVRO, *(written_with(stranger(), number) for number in range(STRANGERS))])


async def test_what_is_mended_goes_back_once_and_takes_effect(kafka: str) -> None:
    """Mended letters are folded, once; what fails again comes back with its history, and goes again on a word."""
    settings = await divert(Broker(kafka, transactional=True))
    before = len(whole_topic(settings, "session-event"))
    dry = told(settings, "retry", "--dry-run", "--reason", "unknown_schema", "--reason", "not_avro")
    assert (dry["to_send"], dry["sent"], dry["by_topic"]) == (6, 0, {"session-event": 6})
    assert "--yes sends them" in str(dlq(settings, "retry").exception)
    assert len(whole_topic(settings, "session-event")) == before

    publish_schema(settings, stranger())
    sent = told(settings, "retry", "--yes", "--reason", "unknown_schema", "--reason", "not_avro")
    assert (sent["sent"], sent["refused"]) == (6, [])
    twice = told(settings, "retry", "--yes", "--reason", "unknown_schema", "--reason", "not_avro")
    assert (twice["to_send"], twice["sent"], {one["kind"] for one in twice["refused"]}) == (0, 0, {"retried"})
    by_id = told(settings, "retry", sent_id(settings), "--yes", "--again")
    assert by_id["sent"] == 0
    assert len(whole_topic(settings, "session-event")) == before + 6
    assert {row["reason"]: row["retried"] for row in told(settings, "list")} == {
        "unknown_schema": STRANGERS,
        "not_avro": 1,
        "out_of_range": 0,
    }

    async with running(settings) as engine:
        publish(settings.broker, settings.prefix + "session-event", [event(100)])
        await engine.until(lambda: engine.seen == STRANGERS + 1)
        assert engine.states() == {"s-0": 1 + STRANGERS + 1}
    (back,) = [one for one in diverted(settings) if history_of(one)]
    assert (back.key, back.value, back.reason) == (KEY, NOT_AVRO, "not_avro")
    (entry,) = history_of(back)
    assert (entry["source"], entry["reason"]) == (f"session-event/{back.place.partition}/{STRANGERS}", "not_avro")

    refused = told(settings, "retry", "--yes", "--reason", "not_avro", status=1)
    assert sorted(one["kind"] for one in refused["refused"]) == ["failed_again", "retried"]
    assert told(settings, "retry", "--yes", "--again", "--reason", "not_avro")["sent"] == 1
    assert told(settings, "retry", "--yes", "--again", "--reason", "not_avro")["sent"] == 0
    assert [one.value() for one in whole_topic(settings, "session-event")].count(NOT_AVRO) == 3
    (newest,) = [one["retried"] for one in markers(settings) if one["letter"] == str(back.place)]
    assert newest["attempt"] == 2


def sent_id(settings: Settings) -> str:
    return str(next(one.place for one in diverted(settings) if one.reason == "unknown_schema"))


def markers(settings: Settings) -> list[dict[str, Any]]:
    found = whole_topic(settings, RETRIED_TOPIC)
    return view(RETRIED_TOPIC, lambda store: None).records(found)


@pytest.mark.parametrize("fault", ["commit:kill:1", "committed:kill:1"])
async def test_a_kill_in_the_middle_sends_nothing_twice(kafka: str, fault: str) -> None:
    """Before its commit nothing went, behind it everything did; the next run knows which."""
    settings = await divert(Broker(kafka, transactional=True))
    before = len(whole_topic(settings, "session-event"))
    where = {"LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix}
    killed = command.lam("dlq", "retry", "--yes", LAM_FAULTS=fault, **where)
    assert killed.returncode == -signal.SIGKILL
    after = told(settings, "retry", "--yes")
    assert after["sent"] == (7 if fault.startswith("commit:") else 0)
    back = whole_topic(settings, "session-event")[before:]
    assert sorted(one.value() or b"" for one in back) == sorted(one.value or b"" for one in diverted(settings))
    assert told(settings, "retry", "--yes")["sent"] == 0


async def test_of_two_at_once_the_later_sends(kafka: str) -> None:
    """The earlier one is fenced with its transaction, and told so; what it held goes once."""
    settings = await divert(Broker(kafka, transactional=True))
    before, chosen = len(whole_topic(settings, "session-event")), diverted(settings)
    earlier, later = Sender(settings), Sender(settings)
    assert [earlier.start().of(one) for one in chosen] == [None] * len(chosen)
    assert [later.start().of(one) for one in chosen] == [None] * len(chosen)
    later.send(chosen, 1)
    with pytest.raises(RetryFailed, match="another `lam dlq retry` began"):
        earlier.send(chosen, 2)
    later.close()
    assert len(whole_topic(settings, "session-event")) == before + len(chosen)


def test_without_transactions_nothing_goes_back(embedded: str) -> None:
    """An embedded broker would take them and keep no promise."""
    settings = engine_settings(Broker(embedded, transactional=False))
    refused = dlq(settings, "retry", "--yes").exception
    assert isinstance(refused, ConfigurationError)
    assert "is an embedded broker, which has no transactions" in str(refused)


@pytest.mark.parametrize("command", [("list",), ("show", "session-event.dlq/0/0"), ("retry", "--yes")])
def test_a_broker_that_is_not_there_is_one_message(command: tuple[str, ...]) -> None:
    """Which broker, and what to look at."""
    ended = dlq(load_settings(broker="127.0.0.1:1"), *command, LAM_REQUEST_TIMEOUT_S="1")
    assert isinstance(ended.exception, ConfigurationError)
    assert "127.0.0.1:1" in str(ended.exception)
