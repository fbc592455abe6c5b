"""How many workers share the work is not seen in the results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from models.shop.config import SITES, ShopConfig
from models.shop.shop import Sent, Shop
from services.publishing import CLOSE_ALL_MS, MINUTE_MS
from tests.models.shop.days import OPENS, opened, run
from tests.reference.comparing import differences
from tests.reference.config import Config
from tests.system import reading
from tests.system.ledger import Ledger, read_ledger
from tests.system.reading import read_topic
from tests.system.refolded import refold
from tests.system.stream import stream_on
from topics.settings import Posteriors, Settings

POLLED = 6
"""Records of one poll, and so of one batch, at most."""
APART = 64
"""Records between two of one session, over all partitions: on each of four that leaves POLLED and more."""
PARTITIONS = 4
MINUTES = 2
SITES_ALIKE = tuple(replace(site, mode="active", opted_in=True) for site in SITES)
SHOP = ShopConfig(seed=3, visits_per_minute=100, sites=SITES_ALIKE)
MEASURES = ("dwell_s", "scroll_depth")
MERGED = ("mean", "variance", "embedding")
"""Of a tuple's user: sums of floats that are no multiples of anything."""


class Result(NamedTuple):
    """What may not depend on workers."""

    decisions: dict[str, dict[str, Any]]
    posteriors: dict[str, dict[str, Any]]
    tuples: dict[str, tuple[Any, dict[str, Any]]]
    """Final ones: behaviour, and the rest."""


@pytest.fixture(scope="module")
def records() -> list[Sent]:
    """A shop's records without dwell and scroll depth, each session's events far apart."""
    plain = [
        one._replace(record={name: value for name, value in one.record.items() if name not in MEASURES})
        for one in run(opened(SHOP), MINUTES)
    ]
    events = [one for one in plain if one.topic == "session-event"]
    return set_apart(events) + [one for one in plain if one.topic != "session-event"]


def test_two_workers_give_what_one_gives(kafka: str, tmp_path: Path, records: list[Sent]) -> None:
    """With frozen posteriors one worker and two come to the same decisions, posteriors and final tuples, to the bit.

    What no stream promises is kept out of the input. A visit is evaluated once for all its events of a batch, and
    batches depend on how fast a worker is: so no poll is as long as two events of one session are apart. Rewards
    measure engagement by medians that arrive when they arrive: so nobody tells dwell or scroll depth, and no site has a
    median. The mean behaviour in a tuple is merged from batches of closed visits, and agrees but for rounding. What was
    decided and rewarded is also what the plain reference says.
    """
    one, two = (results(kafka, tmp_path / str(workers), workers, records) for workers in (1, 2))
    assert len(one.decisions) > 100
    assert len(one.posteriors) > 50
    assert one.decisions == two.decisions
    assert one.posteriors == two.posteriors
    assert one.tuples.keys() == two.tuples.keys() != set()
    for name, (user, joined) in one.tuples.items():
        assert two.tuples[name][1] == joined
        assert two.tuples[name][0] == {**user, **{of: pytest.approx(user[of], rel=1e-9, abs=1e-9) for of in MERGED}}


def results(kafka: str, folder: Path, workers: int, records: list[Sent]) -> Result:
    """What so many workers make of the records."""
    folder.mkdir()
    settings: dict[str, Any] = {"posteriors": Posteriors.FROZEN, "partitions": PARTITIONS, "poll_records": POLLED}
    with stream_on(kafka, folder, **settings) as stream:
        stream.configure(Shop(SHOP, OPENS).site_configs())
        stream.publish(records)
        assert_apart(stream.settings)
        for number in range(workers):
            stream.start(f"worker-{number}")
        # Visits close, first revisions and the hours of parents are told, and then all becomes final.
        for later_ms in (45 * MINUTE_MS, 150 * MINUTE_MS, CLOSE_ALL_MS):
            stream.until_read()
            stream.watermark(max(one.at_ms for one in records) + later_ms)
        stream.until_read()
        assert_decided_as_the_reference(stream.settings)
        return result(read_ledger(stream.settings))


def assert_decided_as_the_reference(settings: Settings) -> None:
    """Every decision, intervention and reward committed is the reference's, and none is missing."""
    found = differences(
        refold(settings, Config(clock="event"), decided=True).live,
        decisions=reading.records(settings, "decision"),
        interventions=reading.records(settings, "intervention"),
        updates=reading.records(settings, "reward-update"),
        deltas=reading.records(settings, "reward-delta"),
    )
    assert not found, "\n".join([f"{len(found)} differences, such as", *found[:10]])


def assert_apart(settings: Settings) -> None:
    """No POLLED records in a row of any partition hold two of one session."""
    for messages in read_topic(settings, "session-event").values():
        newest: dict[bytes, int] = {}
        for place, message in enumerate(messages):
            key = message.key()
            if key is not None:
                assert place - newest.get(key, -POLLED) >= POLLED, key
                newest[key] = place


def result(ledger: Ledger) -> Result:
    """Without what says when something was known, and how often it was told before."""
    decisions = {}
    for one in ledger.decisions + ledger.suppressed:
        site = {name: value for name, value in one["site"].items() if name != "sessions"}
        decisions[one["decision_id"]] = {**one, "site": site, "site_stage": None}
    tuples = {}
    for one in ledger.tuples:
        if one["final"]:
            reward = {**one["reward"], "parent_watermark": None}
            user = one.pop("user")
            tuples[one["tuple_id"]] = (user, {**one, "reward": reward, "revision": None, "made_at": None})
    return Result(decisions, ledger.posteriors, tuples)


def set_apart(events: list[Sent]) -> list[Sent]:
    """The events in an order in which APART lie between two of a session; what cannot be placed at the end is left out.

    One that comes too soon waits until others have passed.
    """
    ordered: list[Sent] = []
    places: dict[str, int] = {}
    waiting: list[Sent] = []
    for event in events:
        waiting.append(event)
        while ready := _first_apart(waiting, places, len(ordered)):
            waiting.remove(ready)
            places[ready.record["session_id"]] = len(ordered)
            ordered.append(ready)
    return ordered


def _first_apart(waiting: list[Sent], places: dict[str, int], place: int) -> Sent | None:
    return next((one for one in waiting if place - places.get(one.record["session_id"], -APART) >= APART), None)
