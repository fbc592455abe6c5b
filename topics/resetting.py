"""Setting where the workers' group goes on, while it has no members, and emptying its state in the same transaction."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Literal, NamedTuple

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from topics.clients import Abandoned, admin_client, close_ended, commit_transaction, producer, send_offsets
from topics.consuming import TopicNumber, committed_offsets
from topics.errors import ConfigurationError, TopicsError
from topics.group_offsets import GroupOffset, group_offsets, observing, read_topics
from topics.log_end import listed_offsets, read_to_end
from topics.partition_counts import counts_on_broker
from topics.settings import Settings
from topics.state.base import LAYOUT_KEY_PREFIX
from topics.table import GROUPS, changelog_name

RESET_TRANSACTION_S = 600.0
"""How long writing the deletions of a large state may take; brokers allow 900 s by default."""
QUEUE_FULL_WAIT_S = 0.1
MS = 1000

Place = Literal["beginning", "end", "current", "offset", "time"]


class ResetRefused(TopicsError):
    """Offsets or state cannot be set as asked; nothing was changed."""


class Target(NamedTuple):
    """Where to go on: `value` is an offset, or a time in ms since the epoch."""

    place: Place
    value: int = 0


WORDS: Mapping[str, Target] = {
    "beginning": Target("beginning"),
    "end": Target("end"),
    "current": Target("current"),
}


class Move(NamedTuple):
    """One partition's committed offset, and the one it is to get."""

    at: GroupOffset
    to: int

    @property
    def read_again(self) -> int:
        """Offsets that took effect already and will be read again."""
        return 0 if self.at.committed is None else max(0, min(self.at.committed, self.at.log.end) - self.to)

    @property
    def skipped(self) -> int:
        """Offsets that did not take effect and will not be read."""
        begins = self.at.log.start if self.at.committed is None else max(self.at.committed, self.at.log.start)
        return max(0, self.to - begins)


def target(written: str) -> Target:
    """The target as people type it: beginning, end, current, an offset, or an ISO 8601 time (UTC without a zone).

    Raises ConfigurationError for anything else.
    """
    if written in WORDS:
        return WORDS[written]
    if written.isdecimal():
        return Target("offset", int(written))
    try:
        time = datetime.datetime.fromisoformat(written.removesuffix("Z") + ("+00:00" if written.endswith("Z") else ""))
    except ValueError:
        raise ConfigurationError(
            f"found --to {written}; expected beginning, end, current, an offset, or a time such as "
            "2026-05-01T12:00:00+02:00 (UTC without a zone)"
        ) from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.timezone.utc)
    return Target("time", round(time.timestamp() * MS))


def named_places(written: Iterable[str]) -> Iterator[tuple[str, int | None]]:
    """Topics with their partition, as people type them: TOPIC or TOPIC:PARTITION. Raises ConfigurationError."""
    for one in written:
        topic, colon, number = one.partition(":")
        if colon and not number.isdecimal():
            raise ConfigurationError(f"found {one}; expected TOPIC or TOPIC:PARTITION, for example session-event:3")
        yield topic, int(number) if colon else None


def plan(settings: Settings, places: Iterable[tuple[str, int | None]], to: Target) -> list[Move]:
    """What a reset would change; `places`: topics of the table, each with a partition's number, or None for all.

    Raises ResetRefused for a topic that agents do not read, a partition it has not, or an offset its log does not hold;
    ConfigurationError and TopicMismatch as `group_offsets`.
    """
    wanted = list(places)
    topics = sorted({topic for topic, _ in wanted})
    if unread := [topic for topic in topics if topic not in read_topics()]:
        raise ResetRefused(f"no agent reads {', '.join(unread)}; expected one of {', '.join(read_topics())}")
    offsets = group_offsets(settings, topics)
    known = {(one.topic.removeprefix(settings.prefix), one.partition) for one in offsets}
    for topic, number in wanted:
        if number is not None and (topic, number) not in known:
            raise ResetRefused(f"topic {topic} has no partition {number}; `lam offsets show` lists what there is")
    chosen = [
        one
        for one in offsets
        if {(one.topic.removeprefix(settings.prefix), number) for number in (one.partition, None)} & {*wanted}
    ]
    of_time = _offsets_of_time(settings, chosen, to.value) if to.place == "time" else {}
    return [Move(one, _offset(one, to, of_time)) for one in chosen]


def states_of(topics: Iterable[str]) -> tuple[str, ...]:
    """The states that are made of topics of the table."""
    asked = set(topics)
    return tuple(state for group in GROUPS.values() if asked & {*group.topics} for state in group.states)


def refuse_half_a_group(settings: Settings, moves: Sequence[Move]) -> None:
    """Raises ResetRefused where state would be emptied of records whose topic is not read again or set."""
    chosen: dict[int, set[str]] = {}
    for move in moves:
        chosen.setdefault(move.at.partition, set()).add(move.at.topic.removeprefix(settings.prefix))
    for number, topics in chosen.items():
        for group in GROUPS.values():
            missing = sorted({*group.topics} - topics)
            if group.states and topics & {*group.topics} and missing:
                raise ResetRefused(
                    f"state {', '.join(group.states)} of partition {number} is made of {', '.join(group.topics)}; to "
                    f"empty it, name {', '.join(missing)} as well: what they brought would be lost from state; each "
                    "can be set to another place after, with --keep-state"
                )


def refuse_members(settings: Settings, admin: AdminClient) -> None:
    """Raises ResetRefused while the group has members: they would go on from where they are, and commit over it."""
    answers = admin.describe_consumer_groups([settings.group_id], request_timeout=settings.request_timeout_s)
    try:
        group = answers[settings.group_id].result()
    except KafkaException as error:
        if error.args[0].code() in (KafkaError.GROUP_ID_NOT_FOUND, KafkaError._UNKNOWN_GROUP):
            return
        raise
    if group.members:
        named = ", ".join(sorted(member.group_instance_id or member.client_id for member in group.members))
        raise ResetRefused(
            f"group {settings.group_id} has {len(group.members)} members ({named}); stop every worker first: one that "
            f"was stopped stays a member until LAM_SESSION_TIMEOUT_S ({settings.session_timeout_s:g} s) after"
        )


def reset(settings: Settings, moves: Sequence[Move], empty: Sequence[str] = ()) -> dict[str, int]:
    """Commit the moves, and delete every key of the states `empty` in their partitions; returns the keys deleted.

    Offsets and deletions are one transaction: all of it is visible, or nothing. No note is committed with the offsets:
    whatever an earlier one said of the topic is agreed to. Raises ResetRefused while the group has members,
    ConfigurationError where the broker does not take it; nothing was changed then.
    """
    admin = admin_client(settings)
    limit = settings.request_timeout_s
    patient = settings.model_copy(update={"transaction_timeout_s": RESET_TRANSACTION_S})
    with observing(settings) as client:
        refuse_members(settings, admin)
        offsets = [TopicPartition(move.at.topic, move.at.partition, move.to) for move in moves]
        # What a worker that was killed sent to a transaction is waited for, or it would come over ours.
        committed_offsets(client, [TopicPartition(tp.topic, tp.partition) for tp in offsets], limit)
        with _transaction(patient, f"{settings.group_id}-offsets", limit) as writer:
            deleted = {state: _empty(settings, admin, writer, state, moves) for state in empty}
            send_offsets(writer, offsets, client.consumer_group_metadata(), limit)
            refuse_members(settings, admin)
    return deleted


@contextmanager
def _transaction(settings: Settings, transactional_id: str, limit_s: float) -> Iterator[Producer]:
    writer = producer(settings, transactional_id=transactional_id)
    try:
        writer.init_transactions(limit_s)
        writer.begin_transaction()
        yield writer
        commit_transaction(writer, settings.transaction_timeout_s)
    except Abandoned as error:
        raise ResetRefused(
            f"{error.args[0].str()}; nothing was changed. Workers that start now wait up to "
            f"{settings.transaction_timeout_s:g} s for the end of what was begun: run the same again, which ends it"
        ) from error
    except BaseException:
        with suppress(KafkaException):
            writer.abort_transaction(limit_s)
        close_ended(writer)
        raise
    writer.close()


def keys_in_log(settings: Settings, changelog: str, partition: int) -> list[bytes]:
    """The keys that a changelog's partition holds and does not delete, our own reserved ones among them."""
    live: dict[bytes, None] = {}
    for records in read_to_end(settings, changelog, partition):
        for record in records:
            key = record.key() or b""
            if record.value() is None:
                live.pop(key, None)
            else:
                live[key] = None
    return list(live)


def _empty(settings: Settings, admin: AdminClient, writer: Producer, state: str, moves: Sequence[Move]) -> int:
    changelog = settings.prefix + changelog_name(state)
    group = next(group for group in GROUPS.values() if state in group.states)
    topics = {settings.prefix + topic for topic in group.topics}
    there = counts_on_broker(admin, settings).get(changelog, 0)
    deleted = 0
    for partition in sorted({move.at.partition for move in moves if move.at.topic in topics}):
        # A topic that got partitions may have more of them than the changelog of its state.
        for key in keys_in_log(settings, changelog, partition) if partition < there else []:
            # What layouts rows have stays described: whoever read the description before writes rows without another.
            if not key.startswith(LAYOUT_KEY_PREFIX.encode()):
                _delete(writer, changelog, partition, key)
                deleted += 1
    return deleted


def _delete(writer: Producer, changelog: str, partition: int, key: bytes) -> None:
    while True:
        try:
            writer.produce(changelog, None, key, partition=partition)
            return
        except BufferError:
            writer.poll(QUEUE_FULL_WAIT_S)


def _offset(one: GroupOffset, to: Target, of_time: Mapping[TopicNumber, int]) -> int:
    log = one.log
    if to.place == "beginning" or (to.place == "current" and one.committed is None):
        return log.start
    if to.place == "end":
        return log.stable_end
    if to.place == "time":
        found = of_time[(one.topic, one.partition)]
        return min(found, log.stable_end) if found >= 0 else log.stable_end
    wanted = to.value if one.committed is None or to.place == "offset" else one.committed
    if not log.start <= wanted <= log.stable_end:
        raise ResetRefused(
            f"{one.topic}[{one.partition}]: found the offset {wanted}, expected {log.start} to {log.stable_end}, what "
            "the log holds; nothing was changed"
        )
    return wanted


def _offsets_of_time(settings: Settings, offsets: Sequence[GroupOffset], time_ms: int) -> Mapping[TopicNumber, int]:
    partitions = [TopicPartition(one.topic, one.partition) for one in offsets]
    spec = OffsetSpec.for_timestamp(time_ms)
    limit = settings.request_timeout_s
    return listed_offsets(admin_client(settings), partitions, spec, IsolationLevel.READ_COMMITTED, limit)
