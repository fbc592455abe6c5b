"""The breaker stops a topic before it is emptied into its dead letters, and lets it through when it is told to."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.kafka import Broker
from tests.topics.engine import engine_settings, group_offsets, running, whole_topic
from tests.topics.events import ENCODER, event, publish_raw
from topics.consuming import Record, header
from topics.errors import BreakerOpen
from topics.settings import Settings

KEY = b"s-0"
RUN = 20
Raw = tuple[bytes, bytes]


def good(first: int, count: int) -> list[Raw]:
    return [(KEY, ENCODER.encode(event(number))) for number in range(first, first + count)]


def bad(first: int, count: int) -> list[Raw]:
    """Records of one session, each with bytes of its own, that nobody can read."""
    return [(KEY, b"not avro %d" % number) for number in range(first, first + count)]


def publish(settings: Settings, records: list[Raw]) -> None:
    publish_raw(settings.broker, settings.prefix + "session-event", records)


def letters(settings: Settings) -> list[Record]:
    """Every committed dead letter of the topic."""
    return whole_topic(settings, "session-event.dlq")


def values(records: list[Record]) -> Counter[bytes]:
    return Counter(one.value() or b"" for one in records)


def released(settings: Settings) -> Settings:
    """The limits raised: a share of 1 never opens it, nor does a run that the backlog has not."""
    return settings.model_copy(update={"breaker_run": 1_000_000, "breaker_ratio": 1.0})


@pytest.mark.parametrize(
    "limits", [{"breaker_run": RUN, "breaker_ratio": 1.0}, {"breaker_run": 1_000_000, "breaker_window": 4 * RUN}]
)
async def test_a_stop_diverts_nothing_and_a_release_everything_once(broker: Broker, limits: dict[str, float]) -> None:
    """By a run or by a share: nothing of the backlog is moved by the stop, all of it by the release, and it goes on."""
    backlog = [*good(0, 5), *bad(0, 6 * RUN), *good(5, 5)]
    # One span takes the whole backlog, so that no commit falls before the stop.
    settings = engine_settings(broker, commit_s=30, commit_urgent_s=30, **limits)
    publish(settings, backlog)
    async with running(settings) as engine:
        assert isinstance(await engine.failure(), BreakerOpen)
    assert letters(settings) == []
    assert set(group_offsets(settings, settings.group_id, "session-event").values()) <= {0}
    async with running(settings) as engine:
        assert isinstance(await engine.failure(), BreakerOpen)
    assert letters(settings) == []

    async with running(released(settings)) as engine:
        await engine.until(lambda: engine.seen == 10)
        assert engine.states() == {"s-0": 10}
        publish(settings, [*bad(1_000, 3), *good(10, 2)])
        await engine.until(lambda: engine.seen == 12)
        assert engine.states() == {"s-0": 12}
    diverted = letters(settings)
    assert values(diverted) == Counter(value for _, value in [*bad(0, 6 * RUN), *bad(1_000, 3)])
    assert {header(one, "lamstream.error.reason") for one in diverted} == {b"not_avro"}
    offsets = sorted(int(header(one, "lamstream.error.offset") or b"") for one in diverted)
    assert offsets == [*range(5, 5 + 6 * RUN), *range(10 + 6 * RUN, 13 + 6 * RUN)]

    async with running(settings) as engine:
        publish(settings, [*bad(2_000, 1), *good(12, 1)])
        await engine.until(lambda: engine.seen == 1)
        assert engine.states() == {"s-0": 13}
    assert len(letters(settings)) == 6 * RUN + 4


@pytest.mark.parametrize(
    "limits", [{"breaker_run": RUN, "breaker_ratio": 1.0}, {"breaker_run": 1_000_000, "breaker_window": 2 * RUN}]
)
async def test_a_worker_that_is_started_again_and_again_diverts_no_more(
    broker: Broker, limits: dict[str, float]
) -> None:
    """Its supervisor may try as often as it likes: what opened the breaker, a run or a share, goes on being counted
    where it was committed."""
    settings = engine_settings(broker, **limits)
    publish(settings, [*good(0, 5), *bad(0, RUN - 2)])
    async with running(settings) as engine:
        await engine.until(lambda: read_so_far(settings) == 5 + RUN - 2)
    publish(settings, bad(100, RUN // 2))
    for _ in range(3):
        async with running(settings) as engine:
            assert isinstance(await engine.failure(), BreakerOpen)
        assert values(letters(settings)) == Counter(value for _, value in bad(0, RUN - 2))


def read_so_far(settings: Settings) -> int:
    """Records of the topic below the group's offsets."""
    return sum(group_offsets(settings, settings.group_id, "session-event").values())


async def test_what_was_committed_before_a_stop_is_not_diverted_again(broker: Broker) -> None:
    """Letters that left in earlier spans, few enough for the limits, stay the only ones of their records."""
    settings = engine_settings(broker, breaker_run=RUN, breaker_ratio=1.0)
    publish(settings, [*good(0, 5), *bad(0, RUN // 2), *good(5, 1)])
    async with running(settings) as engine:
        await engine.until(lambda: engine.seen == 6)
    assert values(letters(settings)) == Counter(value for _, value in bad(0, RUN // 2))

    publish(settings, [*bad(100, 3 * RUN), *good(6, 1)])
    async with running(settings) as engine:
        assert isinstance(await engine.failure(), BreakerOpen)
    async with running(released(settings)) as engine:
        await engine.until(lambda: engine.seen == 1)
        assert engine.states() == {"s-0": 7}
    assert values(letters(settings)) == Counter(value for _, value in [*bad(0, RUN // 2), *bad(100, 3 * RUN)])
