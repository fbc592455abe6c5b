"""The simulated shop: deterministic, valid, within its bounds, and true to its own truth."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from models.behaviour.config import FoldConfig
from models.shop.config import MINUTE_MS, ContainerHabits, ShopConfig
from models.shop.shop import Sent, Shop
from schemas.codec import Decoder
from schemas.encoder import Encoder
from schemas.record_type import record_type
from schemas.store import SchemaStore
from schemas.validation import violations
from tests.models.shop.days import OPENS, by_session, events, intervention, opened, run

MINUTES = 25
TOPICS = ("session-event", "mutation", "tombstone")


@pytest.fixture(scope="module")
def day() -> tuple[Shop, list[Sent]]:
    shop = opened()
    return shop, run(shop, MINUTES)


def test_the_same_seed_gives_the_same_records(day: tuple[Shop, list[Sent]]) -> None:
    """Two shops of one config are equal, however time is cut; another seed is another shop."""
    assert run(opened(), MINUTES, step_ms=MINUTE_MS // 4)[: len(day[1]) // 2] == day[1][: len(day[1]) // 2]
    other = opened(ShopConfig(seed=2)).advance(OPENS + MINUTE_MS)
    assert other != opened().advance(OPENS + MINUTE_MS)


def test_records_come_in_order_of_arrival(day: tuple[Shop, list[Sent]]) -> None:
    """Each record arrives when it was received, and none before it was sent."""
    times = [sent.at_ms for sent in day[1]]
    assert times == sorted(times)
    assert all(sent.at_ms == sent.record["received_at"] for sent in day[1])
    assert all(record["occurred_at"] <= record["sent_at"] for record in (sent.record for sent in day[1]))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_record_fits_its_schema(day: tuple[Shop, list[Sent]], topic: str) -> None:
    """The shop goes through the same door as any producer, and breaks no constraint."""
    kind = record_type(topic)
    encoder = Encoder(kind)
    values = [encoder.encode(sent.record) for sent in day[1] if sent.topic == topic]
    decoded = Decoder(kind, SchemaStore()).decode(values)
    assert values
    assert not decoded.bad
    assert not violations(decoded.batch, kind)


def test_every_site_config_fits_its_schema() -> None:
    """One for each site that has one; the others do without."""
    kind = record_type("site-config")
    configs = opened().site_configs()
    decoded = Decoder(kind, SchemaStore()).decode([Encoder(kind).encode(config) for config in configs])
    assert [config["site_id"] for config in configs] == ["shop-a", "shop-b", "shop-d"]
    assert not violations(decoded.batch, kind)


def test_no_visit_breaks_in_two_or_outlasts_its_bound(day: tuple[Shop, list[Sent]]) -> None:
    """No gap reaches the 30 min that end a visit, and nobody stays for more than about 40."""
    gap_ms, slack_ms = FoldConfig().gap_ms, 5_000
    silences = []
    for records in by_session(day[1]).values():
        times = sorted(event["occurred_at"] + event["received_at"] - event["sent_at"] for event in records)
        gaps = [after - before for before, after in pairwise(times)]
        assert max(gaps, default=0) < gap_ms
        assert times[-1] - times[0] <= day[0].config.longest_visit_ms + slack_ms
        silences += [gap for gap in gaps if gap > 10 * MINUTE_MS]
    assert silences, "some are silent for as long as the timer of carts waits"


def test_numbers_within_a_tab_have_no_holes(day: tuple[Shop, list[Sent]]) -> None:
    """Each tab counts from 0; what comes twice comes with the same id and number."""
    tabs = 0
    for records in by_session(day[1]).values():
        seen = {(event["tab_id"], event["seq"]): event["event_id"] for event in records}
        assert all(seen[event["tab_id"], event["seq"]] == event["event_id"] for event in records)
        for tab in {tab for tab, _ in seen}:
            numbers = sorted(number for name, number in seen if name == tab)
            assert numbers == list(range(len(numbers)))
        tabs = max(tabs, len({tab for tab, _ in seen}))
    assert tabs == 2
    assert any(len({e["event_id"] for e in r}) < len(r) for r in by_session(day[1]).values())


def test_some_disorder_and_broken_clocks_occur(day: tuple[Shop, list[Sent]]) -> None:
    """Event times go back now and then, and some clients are minutes off, but none is later than two seconds or so."""
    times = [e["occurred_at"] + e["received_at"] - e["sent_at"] for e in events(day[1])]
    assert times != sorted(times)
    assert max(e["received_at"] - at for e, at in zip(events(day[1]), times, strict=True)) < 2_000
    assert max(abs(e["received_at"] - e["occurred_at"]) for e in events(day[1])) > 5 * MINUTE_MS


def test_the_truth_counts_what_was_sent(day: tuple[Shop, list[Sent]]) -> None:
    """Counters by type, site, consent and topic are those of the records, counted once more in another way."""
    shop, records = day
    truth = shop.totals()
    assert truth["session_events"] == dict(sorted(Counter(e["type"] for e in events(records)).items()))
    for site, counted in truth["sites"].items():
        sent = [e for e in events(records) if e["site_id"] == site]
        consented = [e for e in sent if e["consent"]["analytics"]]
        assert (
            counted["session_events"] == len(sent) == counted["folded"] + counted["duplicate"] + counted["unconsented"]
        )
        assert counted["unconsented"] == len(sent) - len(consented)
        assert counted["duplicate"] == len(consented) - len({e["event_id"] for e in consented})
        last = {e["session_id"]: e for e in sent}
        alive = {s for s, e in last.items() if e["consent"]["analytics"]}
        assert counted["visits"] == len(alive)
        orders = {e["order_id"] for e in consented if e["type"] == "purchase" and e["session_id"] in alive}
        assert counted["orders"] == counted["converted"] == len(orders)
    of_containers = Counter(sent.topic for sent in records)
    assert truth["containers"]["mutations"] == of_containers["mutation"]
    assert truth["containers"]["tombstones"] == of_containers["tombstone"]
    retired = {sent.record["container_id"] for sent in records if sent.topic == "tombstone"}
    assert truth["expected_tuples"] == truth["containers"]["tombstoned"] == len(retired)
    assert truth["containers"]["alive"] == 0


def test_every_consent_and_intent_occurs(day: tuple[Shop, list[Sent]]) -> None:
    """Nothing, a part, all, given later, taken back; and every visit is told of once when it has ended."""
    shop, records = day
    visits = shop.totals()["visits"]
    assert {"nothing", "analytics_only", "everything", "granted_later", "withdrawn"} <= visits.keys()
    lines, _ = shop.truth.drain()
    assert sorted(line["session_id"] for line in lines) == sorted(by_session(records))
    assert {line["intent"] for line in lines} == shop.totals()["intents"].keys()
    assert shop.truth.drain() == ([], [])


def others(records: list[Sent], session: str) -> list[dict[str, Any]]:
    """All session events but one session's, and what became of containers while visitors came."""
    return [
        record
        for at_ms, topic, record in records
        if (record["session_id"] != session if topic == "session-event" else at_ms < OPENS + 10 * MINUTE_MS)
    ]


def test_an_intervention_changes_only_its_visitor() -> None:
    """All other visitors do what they would have done, in the same order."""
    plain = run(opened(), 10)
    chosen = next(e for e in events(plain) if e["type"] == "begin_checkout")
    told: list[bool] = []

    def listen(shop: Shop, sent: list[Sent]) -> None:
        if any(record["event_id"] == chosen["event_id"] for _, _, record in sent) and not told:
            told.append(True)
            said = intervention(chosen["session_id"], "escalate_full_assist", "F089", "ESCALATE", shop.now_ms)
            shop.hear(said, shop.now_ms)
            shop.hear(said, shop.now_ms)

    shop = opened()
    spoken_to = run(shop, 10, listen, step_ms=500)
    session = chosen["session_id"]
    assert others(spoken_to, session) == others(plain, session)
    shown = [e for e in by_session(spoken_to)[session] if e["type"] == "intervention_shown"]
    assert len({e["event_id"] for e in shown}) == 1
    assert shop.totals()["interventions"]["heard"] == 2
    assert shop.totals()["interventions"]["repeated"] == 1


def test_who_has_left_hears_nothing() -> None:
    """An intervention for a visitor who left, or never came, does nothing."""
    shop = opened()
    first = events(shop.advance(OPENS + 2 * MINUTE_MS))[0]["session_id"]
    shop.advance(OPENS + 50 * MINUTE_MS)
    for session in (first, "nobody"):
        shop.hear(intervention(session, "active_chat", None, "ACTIVE", shop.now_ms), shop.now_ms)
    assert not [e for e in events(shop.advance(OPENS + 55 * MINUTE_MS)) if e["type"].startswith("intervention")]
    assert shop.totals()["interventions"] == {"heard": 2, "gone": 2}


def test_odd_containers_occur_and_the_rest_are_in_bounds() -> None:
    """Tombstones without or twice or before a mutation; else two to four alive, for 5 to 20 minutes."""
    config = replace(ShopConfig(visits_per_minute=1), containers=ContainerHabits(odd=0.2))
    shop = Shop(config, OPENS)
    alive: list[int] = []

    def listen(shop: Shop, sent: list[Sent]) -> None:
        alive.append(shop.containers_alive)

    records = run(shop, 60, listen)
    galleries = len(config.sites) * 6
    assert all(2 * galleries <= number <= 4 * galleries for number in alive[:-1])
    _, lines = shop.truth.drain()
    odd = [line for line in lines if line["odd"]]
    counted = shop.totals()["containers"]
    assert min(counted[f"{case}"] for case in ("mutations_after_tombstone", "tombstones_repeated")) > 5
    assert counted["tombstoned_without_mutation"] > 5
    assert 0 < len(odd) < len(lines)
    lives = [line["retired_ms"] - line["born_ms"] for line in lines if line["retired_ms"] < OPENS + 60 * MINUTE_MS]
    assert min(lives) >= 5 * MINUTE_MS
    assert max(lives) <= 20 * MINUTE_MS
    assert len({s.record["container_id"] for s in records if s.topic == "mutation"}) == len(lines)


def test_pages_show_containers_that_live(day: tuple[Shop, list[Sent]]) -> None:
    """A page view shows one to three containers of its page type and site, between birth and retirement."""
    shop = opened()
    seen: list[tuple[dict[str, Any], int]] = []
    records = run(shop, 10)
    _, lines = shop.truth.drain()
    known = {line["container_id"]: line for line in lines}
    for event in events(records):
        shown = event.get("containers", [])
        seen += [(event, len(shown))] if event["type"] == "page_view" else []
        for container in shown:
            line = known[container]
            assert (line["site_id"], line["page_type"]) == (event["site_id"], event["page_type"])
            assert line["born_ms"] <= event["received_at"]
            assert event["received_at"] <= line["retired_ms"] + 5_000
    assert {number for event, number in seen if event["page_type"] in ("landing", "product")} == {1, 2, 3}
    assert {number for event, number in seen if event["page_type"] == "account"} <= {0}
