"""The agent of posteriors, on both brokers."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np

from agents.posteriors import learn
from models.bandit.deltas import POSTERIOR_LAYOUT
from services.reading import newest
from tests.agents.running import agent_running, send
from tests.kafka import Broker
from tests.models.bandit.test_deltas import delta
from tests.system.reading import read_topic
from tests.topics.engine import Engine, committed_records, engine_settings
from topics.consuming import header
from topics.settings import Settings

RANDOM = np.random.default_rng(7)
REWARDS = [(f"a:shop:F{k % 11:03}:no_op", float(r)) for k, r in enumerate(RANDOM.random(400))]
SUMS = ("n", "reward_sum", "reward_sum_sq")


def running(settings: Settings) -> AbstractAsyncContextManager[Engine]:
    return agent_running(settings, "posteriors", lambda app: app.column_state(POSTERIOR_LAYOUT), learn)


def in_groups(size: int) -> list[dict[str, Any]]:
    """The rewards as deltas: each group of so many, summed by arm."""
    deltas = []
    for begin in range(0, len(REWARDS), size):
        by_arm: dict[str, list[float]] = {}
        for arm, reward in REWARDS[begin : begin + size]:
            by_arm.setdefault(arm, []).append(reward)
        deltas += [delta(arm, rewards) for arm, rewards in by_arm.items()]
    return deltas


EXPECTED = {one["arm_id"]: tuple(one[name] for name in SUMS) for one in in_groups(len(REWARDS))}


def told(settings: Settings) -> dict[str, tuple[float, ...]]:
    return {arm: tuple(one[name] for name in SUMS) for arm, one in newest(settings, "arm-posterior").items()}


async def test_posteriors_do_not_depend_on_how_rewards_were_grouped(broker: Broker) -> None:
    """One reward a delta, or 64 summed, in another order: the newest posterior of each arm has the same bits."""
    for deltas in (in_groups(1), in_groups(64)[::-1]):
        settings = engine_settings(broker)
        send(settings, "reward-delta", deltas)
        async with running(settings) as engine:
            await engine.until(lambda: engine.records["posteriors"] == len(deltas))  # noqa: B023
        assert told(settings) == EXPECTED


async def test_a_restarted_worker_adds_to_what_was_known(broker: Broker) -> None:
    """State comes back from the changelog, and each batch tells each of its arms once."""
    settings = engine_settings(broker)
    deltas = in_groups(1)
    for part in (deltas[:150], deltas[150:]):
        send(settings, "reward-delta", part)
        async with running(settings) as engine:
            await engine.until(lambda: engine.records["posteriors"] == len(part))  # noqa: B023
    assert told(settings) == EXPECTED


async def test_a_batch_tells_each_arm_once(broker: Broker) -> None:
    """Many deltas of one arm in one batch are one record."""
    settings = engine_settings(broker)
    arm = REWARDS[0][0]
    send(settings, "reward-delta", [delta(arm, [0.5])] * 50)
    async with running(settings) as engine:
        await engine.until(lambda: engine.records["posteriors"] == 50)
    records = committed_records(settings, "arm-posterior", engine.filled["posteriors"])
    assert (len(records), records[-1]["n"]) == (engine.filled["posteriors"], 50)


async def test_a_delta_that_cannot_be_read_is_a_dead_letter(broker: Broker) -> None:
    """A sum below 0 is no sum of rewards: it stops nothing, and is kept."""
    settings = engine_settings(broker)
    good = delta("a", [1.0])
    send(settings, "reward-delta", [good, good | {"reward_sum": -1.0}, good])
    async with running(settings) as engine:
        await engine.until(lambda: engine.records["posteriors"] == 2)
    assert told(settings) == {"a": (2, 2.0, 2.0)}
    letters = [letter for letters in read_topic(settings, "reward-delta.dlq").values() for letter in letters]
    assert [header(letter, "lamstream.error.reason") for letter in letters] == [b"out_of_range"]
