"""How records fall into batches does not matter, as long as no two events of one session are parted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour.config import FoldConfig
from models.behaviour.hashing import hash_column
from models.live.site_book import SiteBook
from models.shop.config import ShopConfig
from tests.models.behaviour.events import CONSENT, NO_PERSONALIZATION, START, event
from tests.models.behaviour.strategies import Event, seeded_splits, seeded_stream, splits, streams
from tests.models.live.everything import assert_same
from tests.models.live.knowledge import fixed_posteriors
from tests.models.live.partition import LivePartition, minds
from tests.models.shop.days import events as session_events
from tests.models.shop.days import opened

Runs = list[list[Event]]
"""A slice of the stream, the events of each session together."""

SITES = ("site-0", "site-1", "site-9")
CONFIGS = [{"site_id": site, "version": 1, "mode": "active", "opted_in": True, "holdout_share": 0.2} for site in SITES]
END_MS = START + 100 * 86_400_000
SEEDS = range(40)
SLACK_MS = 30_000
SLICE_MS = 10_000
SHOP_MINUTES = 12


POSTERIORS = fixed_posteriors(SITES)


def dressed(events: Sequence[Event]) -> list[Event]:
    """With visitors, who become known or change on the way, and containers on pages."""
    source = random.Random(len(events))
    return [
        event
        | {"visitor_id": source.choice([None, None, "v1", "v2", "v3", f"v{source.randrange(50)}"])}
        | {"containers": source.sample(["c1", "c2", "c3"], source.randrange(3))}
        for event in events
    ]


def session_of(event: Event) -> str:
    return str(event["session_id"])


def runs(events: Sequence[Event]) -> Runs:
    """The events with those of each session together, sessions in order of their first."""
    first = {session: k for k, session in reversed(list(enumerate(map(session_of, events))))}
    together = sorted(events, key=lambda event: first[session_of(event)])
    return [list(of_session) for _, of_session in groupby(together, key=session_of)]


def whole(slices: Sequence[Runs], config: FoldConfig | None = None) -> LivePartition:
    """Each slice as one batch, and then all time at once."""
    partition = LivePartition(minds(configs=CONFIGS, posteriors=POSTERIORS, config=config))
    for of_slice in slices:
        partition.take([event for run in of_slice for event in run])
    return partition.advance(END_MS)


def parted(slices: Sequence[Runs], cuts: random.Random, config: FoldConfig | None = None) -> LivePartition:
    """Each slice cut between sessions here and there, and then time in steps of all sizes."""
    partition = LivePartition(minds(configs=CONFIGS, posteriors=POSTERIORS, config=config))
    for of_slice in slices:
        batch: list[Event] = []
        for run in of_slice:
            batch += run
            if cuts.random() < 0.6:
                partition.take(batch)
                batch = []
        partition.take(batch)
    for step_ms in (1, 700, 2_000, 3_000, 57_000, 60_000, 500_000, 600_000, 20_000, 700_000, 10_000, 5_000_000):
        partition.advance(partition.watermark + step_ms)
    return partition.advance(END_MS)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_small_streams_lead_to_the_same(data: st.DataObject) -> None:
    """Decisions, rewards, interventions and sums, of whatever few events and wherever it is cut."""
    events = dressed(data.draw(streams(), label="events"))
    slices = [runs(events[batch]) for batch in data.draw(splits(len(events)), label="slices")]
    assert_same(whole(slices), parted(slices, data.draw(st.randoms(use_true_random=False), label="cuts")))


def test_long_streams_lead_to_the_same() -> None:
    """Over hundreds of events each, with many decisions of every result among them."""
    results: Counter[str] = Counter()
    triggers: Counter[Any] = Counter()
    for seed in SEEDS:
        events = dressed(seeded_stream(seed))
        slices = [runs(events[batch]) for batch in seeded_splits(seed, len(events))]
        one = whole(slices)
        assert_same(one, parted(slices, random.Random(seed)))
        results += Counter(record["result"] for record in one.records["decision"])
        triggers += Counter(record["timer"] for record in one.records["decision"])
        results["exposures"] += len(one.records["container-activity"])
    assert min(results[kind] for kind in ("fire", "no_op", "holdout", "exposures")) > 30
    assert len(triggers) > 4


def test_sessions_may_come_in_another_order() -> None:
    """In the shop, within what timers and late events wait for: batches as they arrive, or session by session, in any
    order, cut anywhere between."""
    config = FoldConfig(timer_slack_ms=SLACK_MS)
    shop = opened(ShopConfig(seed=5, visits_per_minute=40))
    slices = []
    for _ in range(SHOP_MINUTES * 60_000 // SLICE_MS):
        slices.append(dressed(session_events(shop.advance(shop.now_ms + SLICE_MS))))
    configs = [one | {"opted_in": True} for one in shop.site_configs()]
    posteriors = fixed_posteriors([one["site_id"] for one in configs])
    as_it_came = LivePartition(minds(configs=configs, posteriors=posteriors, config=config))
    other_order = LivePartition(minds(configs=configs, posteriors=posteriors, config=config))
    order = random.Random(3)
    for events in slices:
        as_it_came.take(events)
        shuffled = runs(events)
        order.shuffle(shuffled)
        for k in range(0, len(shuffled), 7):
            other_order.take([event for run in shuffled[k : k + 7] for event in run])
    for partition in (as_it_came, other_order):
        partition.advance(END_MS * 2)
    assert len(as_it_came.records["decision"]) > 300
    assert_same(as_it_came, other_order)


def test_a_visit_stands_where_the_visitor_stands_who_began_it() -> None:
    """Another visitor of the same session begins another visit: whether the one before was closed by then or not."""
    one, other = event(visitor_id="one"), event(at_s=4_000, visitor_id="other")
    for between in ((), (START + 3_990_000,)):
        partition = LivePartition(minds()).take([one])
        for watermark in between:
            partition.advance(watermark)
        partition.take([other])
        (row,) = partition.state.rows[partition.state.rows["due_ms"] != 0]
        assert row["bucket"] == partition.minds.draws.bucket("site", "other") + 1


def test_a_timer_without_consent_is_not_decided_on_when_consent_comes_right_after() -> None:
    """In one batch: silence without consent, consent, silence again. Only the second is evaluated."""
    partition = LivePartition(minds())
    partition.take(
        [
            event(consent=NO_PERSONALIZATION, type="page_view"),
            event(consent=CONSENT, type="page_view", page_id="b", at_s=100),
            event(consent=CONSENT, type="page_view", page_id="c", at_s=200),
        ]
    )
    fired = [folded.fired.waits.tolist() for folded in partition.folded]
    assert fired[0] == [False, True]
    assert partition.counts["evaluations", ()] == 2


def test_two_sites_of_one_hash_keep_apart() -> None:
    """Whoever can choose a site's id can make one of another's hash; it decides nothing there."""
    victim, attacker = b"victim-shop-0001", b"vis20d93)-C-qrsp"
    hashes = hash_column(pa.array([victim.decode(), attacker.decode()]))
    assert hashes[0] == hashes[1]
    places = SiteBook("key").places(np.array([attacker, victim, attacker], "S40"))
    assert places[0] == places[2] != places[1]
    one, other = (event(site_id=site.decode(), session_id=site.decode()) for site in (victim, attacker))
    partition = LivePartition(minds()).take([other, one, other | {"event_id": "again", "seq": None}])
    folded = {record["site_id"]: record["folded"] for record in partition.records["site-delta"]}
    assert folded == {victim.decode(): 1, attacker.decode(): 2}
