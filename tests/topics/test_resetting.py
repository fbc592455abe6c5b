"""Setting the group's offsets, and finding out that they no longer fit, on real Kafka."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from schemas.errors import LamstreamError
from services.cli import cli
from tests.kafka import Broker
from tests.topics.engine import COUNTS, LIMIT_S, engine_settings, running
from tests.topics.events import event, publish
from tests.topics.topics_and_groups import has_members, make_anew, until
from topics import resetting
from topics.clients import Abandoned, admin_client
from topics.consuming import committed_offsets
from topics.errors import ConfigurationError, OffsetsOutOfLog, TopicChanged
from topics.group_offsets import GroupOffset, check_offsets, observing
from topics.log_end import ask_topics
from topics.offset_checks import Log
from topics.resetting import Move, Target, keys_in_log, target
from topics.settings import Settings
from topics.state.base import LAYOUT_KEY_PREFIX
from topics.state.restore import WATERMARK_KEY

SESSION_EVENT = "session-event"
EVENTS = [event(number, f"s-{number % 7}") for number in range(60)]


@pytest.fixture
def settings(kafka: str) -> Settings:
    """Settings of a worker whose topics hold the events."""
    made = engine_settings(Broker(kafka, transactional=True))
    publish(kafka, made.prefix + SESSION_EVENT, EVENTS)
    return made


async def read_all(settings: Settings, expected: int = len(EVENTS)) -> dict[str, int]:
    """Let a worker take so many events effect, and leave; returns what it then counted."""
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen >= expected)
        counted = engine.states()
    # A static member that stopped is one until its session ends.
    until(lambda: not has_members(settings))
    return counted


def lam(settings: Settings, *arguments: str, status: int = 0) -> str:
    """Run the command here; what it printed."""
    result = CliRunner().invoke(cli, arguments, env={"LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix})
    assert result.exit_code == status, (result.output, result.exception)
    return result.stdout


def refusal(settings: Settings, *arguments: str) -> str:
    """Run the command here; why it refused."""
    result = CliRunner().invoke(cli, arguments, env={"LAM_BROKER": settings.broker, "LAM_PREFIX": settings.prefix})
    assert isinstance(result.exception, LamstreamError), result.output
    return str(result.exception)


def shown(settings: Settings) -> dict[int, dict[str, Any]]:
    """What `lam offsets show` tells of session-event, by partition."""
    found = json.loads(lam(settings, "offsets", "show", "--json"))["partitions"]
    return {one["partition"]: one for one in found if one["topic"] == settings.prefix + SESSION_EVENT}


def commit(settings: Settings, offsets: dict[int, int], note: dict[str, Any] | None = None) -> None:
    """Commit offsets on session-event as the group, with a note."""
    topic, metadata = settings.prefix + SESSION_EVENT, json.dumps(note or {})
    with observing(settings) as client:
        at = [TopicPartition(topic, number, offset, metadata) for number, offset in offsets.items()]
        client.commit(offsets=at, asynchronous=False)


def checked(settings: Settings, admin: AdminClient, *numbers: int) -> None:
    """Check the offsets of these partitions of session-event, as a worker does that gets them."""
    topic = settings.prefix + SESSION_EVENT
    with observing(settings) as client:
        assigned = committed_offsets(client, [TopicPartition(topic, number) for number in numbers], LIMIT_S)
        assert set(check_offsets(settings, admin, client, assigned)) == {topic}


async def test_an_emptied_state_agrees_with_offsets_at_the_beginning(settings: Settings) -> None:
    """Everything is read again and counts once; nothing is left of the old time."""
    before = await read_all(settings)
    changelog = settings.prefix + "lamstream-session-changelog"
    assert any(WATERMARK_KEY.encode() in keys_in_log(settings, changelog, number) for number in range(4))
    told = lam(settings, "offsets", "reset", SESSION_EVENT, "--to", "beginning", "--empty-state", "--yes", "--json")
    done = json.loads(told)
    assert (done["done"], sum(one["read_again"] for one in done["partitions"])) == (True, len(EVENTS))
    assert done["keys_deleted"]["session"] > len(before)
    left = {key for number in range(4) for key in keys_in_log(settings, changelog, number)}
    assert left == {LAYOUT_KEY_PREFIX.encode() + COUNTS.layout_id.hex().encode()}, "rows to come are of it"
    assert {one["committed"] for one in shown(settings).values()} == {0}
    assert await read_all(settings) == before


async def test_kept_state_counts_twice_what_is_read_again(settings: Settings) -> None:
    """As the command says; one partition alone is set where one is named."""
    before = await read_all(settings)
    ends = {number: one["end"] for number, one in shown(settings).items()}
    chosen = max(ends, key=lambda number: ends[number])
    reset = ("offsets", "reset", f"{SESSION_EVENT}:{chosen}", "--to", "0")
    assert "say --keep-state" in refusal(settings, *reset, "--yes")
    tried = lam(settings, *reset, "--keep-state", "--dry-run")
    assert "count twice in state session" in tried
    assert "nothing was changed" in tried
    lam(settings, *reset, "--keep-state", status=1)
    assert {one["lag"] for one in shown(settings).values()} == {0}
    lam(settings, *reset, "--keep-state", "--yes")
    again = shown(settings)[chosen]["lag"]
    after = await read_all(settings, again)
    assert sum(after.values()) == sum(before.values()) + again
    assert {key for key in after if after[key] != before[key]} == {
        key for key in after if after[key] == 2 * before[key]
    }


async def test_a_group_with_members_is_left_alone(settings: Settings) -> None:
    """Its members would go on from where they are."""
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == len(EVENTS))
        told = refusal(settings, "offsets", "reset", SESSION_EVENT, "--to", "end", "--keep-state", "--yes")
    assert "has 1 members (worker-0" in told


async def test_what_a_client_did_not_come_back_from_is_ended_by_the_next(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is changed by it, deletions of state included, and who runs the same again needs not wait."""
    before = await read_all(settings)
    again = ("offsets", "reset", SESSION_EVENT, "--to", "beginning", "--empty-state", "--yes")

    def hang(*_: object) -> None:
        raise Abandoned(KafkaError(KafkaError._TIMED_OUT, "the group's offsets were not taken within 5 s"))

    with monkeypatch.context() as hanging:
        hanging.setattr(resetting, "send_offsets", hang)
        told = refusal(settings, *again)
    assert "nothing was changed" in told
    assert "run the same again" in told
    assert {one["lag"] for one in shown(settings).values()} == {0}
    lam(settings, *again)
    assert await read_all(settings) == before


def test_records_deleted_before_they_were_read_stop_a_worker(settings: Settings) -> None:
    """Only that of the partition they lay in; what was read before it was deleted does not."""
    admin, topic = admin_client(settings), settings.prefix + SESSION_EVENT
    ends = {number: one["end"] for number, one in shown(settings).items()}
    short, whole = sorted(ends, key=lambda number: -ends[number])[:2]
    commit(settings, {short: 1, whole: ends[whole]})
    deleted = admin.delete_records([TopicPartition(topic, number, ends[number]) for number in (short, whole)])
    for one in deleted.values():
        one.result(LIMIT_S)
    checked(settings, admin, whole)
    with pytest.raises(OffsetsOutOfLog, match=rf"{topic}\[{short}\]: the group's offset is 1, the log begins at"):
        checked(settings, admin, short)
    found = shown(settings)
    assert (found[short]["strange"], found[short]["stops"], found[whole]["strange"]) == ("below_start", True, None)
    assert found[short]["start"] == found[short]["end"] == ends[short]
    lam(settings, "offsets", "reset", f"{SESSION_EVENT}:{short}", "--to", "beginning", "--keep-state", "--yes")
    checked(settings, admin, short, whole)


def test_a_topic_made_anew_stops_a_worker(settings: Settings) -> None:
    """By its id, where an offset of the old one is there still; by an offset above its end, where no note tells."""
    admin, topic = admin_client(settings), settings.prefix + SESSION_EVENT
    old = ask_topics(admin, [topic], LIMIT_S)[topic]
    make_anew(settings, topic)
    commit(settings, {0: 0, 1: 0}, {"topic_id": old.topic_id, "partitions": old.partitions, "commit": "c"})
    with pytest.raises(TopicChanged, match=f"on the topic of id {re.escape(old.topic_id)}"):
        checked(settings, admin, 2)
    assert [one["strange"] for one in shown(settings).values()] == ["remade", "remade", None, None]
    assert shown(settings)[0]["note"]["commit"] == "c"
    commit(settings, {0: 3, 1: 0})
    with pytest.raises(OffsetsOutOfLog, match="the group's offset is 3, the log ends at 0"):
        checked(settings, admin, 0)
    checked(settings, admin, 1)


def test_partitions_that_were_added_stop_every_worker(settings: Settings) -> None:
    """Also one that has only new ones; a reset agrees to them."""
    admin, topic = admin_client(settings), settings.prefix + SESSION_EVENT
    commit(settings, {number: one["end"] for number, one in shown(settings).items()}, {"partitions": 4})
    checked(settings, admin, 0, 1, 2, 3)
    for one in admin.create_partitions([NewPartitions(topic, 6)]).values():
        one.result(LIMIT_S)
    with pytest.raises(TopicChanged, match="when it had 4 partitions, found 6"):
        checked(settings, admin, 5)
    before = shown(settings)
    assert [before[number]["strange"] for number in range(6)] == ["repartitioned"] * 4 + [None] * 2
    lam(settings, "offsets", "reset", SESSION_EVENT, "--to", "current", "--keep-state", "--yes")
    checked(settings, admin, *range(6))
    assert {number: one["committed"] for number, one in shown(settings).items()} == {
        number: before[number]["committed"] or 0 for number in range(6)
    }


def test_what_a_log_does_not_hold_is_refused(settings: Settings) -> None:
    """An offset above the end, a topic nobody reads, a partition it has not, half of what a state is made of."""
    for arguments, message in {
        (SESSION_EVENT, "--to", "1000"): "found the offset 1000, expected 0 to",
        ("decision", "--to", "end"): "no agent reads decision",
        (f"{SESSION_EVENT}:9", "--to", "end"): "has no partition 9",
        ("tombstone", "--to", "end", "--empty-state"): "name container-activity, mutation as well",
        (SESSION_EVENT, "--to", "soon"): "found --to soon; expected beginning",
    }.items():
        assert message in refusal(settings, "offsets", "reset", *arguments, "--yes")


def test_a_time_is_the_first_record_at_or_after_it(settings: Settings) -> None:
    """Before all of them the beginning, after all of them the end."""
    for since, expected in {"2020-01-01": 0, "2100-01-01T00:00:00Z": len(EVENTS)}.items():
        told = lam(settings, "offsets", "reset", SESSION_EVENT, "--to", since, "--keep-state", "--dry-run", "--json")
        assert sum(one["new"] for one in json.loads(told)["partitions"]) == expected


@given(st.integers(0, 10**15))
def test_targets_are_words_offsets_or_times(number: int) -> None:
    """A time without a zone is UTC."""
    assert target(str(number)) == Target("offset", number)
    assert target("1970-01-01T00:00:02Z") == target("1970-01-01T01:00:02+01:00") == Target("time", 2000)
    assert target("1970-01-01T00:00:02") == Target("time", 2000)
    assert [target(word).place for word in ("beginning", "end", "current")] == ["beginning", "end", "current"]
    with pytest.raises(ConfigurationError, match="expected beginning"):
        target("-1")


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3), st.none() | st.integers(0, 1000), st.data())
def test_what_is_read_again_and_what_is_skipped_add_up(
    bounds: list[int], committed: int | None, data: st.DataObject
) -> None:
    """Never both; together they are the way from where the group stands, as far as the log holds it."""
    log = Log(*sorted(bounds))
    to = data.draw(st.integers(log.start, log.stable_end))
    move = Move(GroupOffset("t", 0, committed, "", log), to)
    assert min(move.read_again, move.skipped) == 0
    begins = log.start if committed is None else min(max(committed, log.start), log.end)
    assert move.skipped - move.read_again == to - begins
