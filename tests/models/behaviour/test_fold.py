"""What events do to a visit, worked by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.behaviour.config import FoldConfig
from models.behaviour.fold import Batch
from models.behaviour.layout import SESSION_LAYOUT
from tests.models.behaviour.events import NO_CONSENT, START, event, to_batch, to_columns
from tests.models.behaviour.replay import Partition
from tests.models.behaviour.strategies import seeded_splits, seeded_stream, splits, streams

GAP_S = 1_800
LATENESS_S = 60
END_MS = START + 100 * 86_400_000


def visit(*events: dict[str, Any], config: FoldConfig | None = None) -> dict[str, float]:
    """The features of the session "s" after the events, in one batch."""
    return Partition(config or FoldConfig()).take(events).live["s"]


def click(at_s: float, target: str | None = "#buy", **more: Any) -> dict[str, Any]:
    return event(type="click", at_s=at_s, target=target, **more)


def page(at_s: float, page_id: str, **more: Any) -> dict[str, Any]:
    return event(type="page_view", at_s=at_s, page_id=page_id, **more)


def test_a_gap_splits_a_session_into_visits() -> None:
    """An event 30 min of event time after the last one closes the visit and begins another in the same row."""
    partition = Partition().take([page(0, "home"), page(GAP_S, "home")])
    assert len(partition.closed["s"]) == 1
    assert partition.live["s"]["start_ms"] == START + GAP_S * 1_000


def test_just_under_the_gap_is_the_same_visit() -> None:
    """One millisecond less than the gap keeps the visit."""
    assert visit(page(0, "home"), page(GAP_S - 0.001, "home"))["reloads"] == 1


def test_no_visit_is_longer_than_a_day() -> None:
    """An event 24 h after the start begins another visit, however little time passed since the last event."""
    partition = Partition().take([event(at_s=k * 1_700) for k in range(52)])
    assert [v["duration_s"] for v in partition.closed["s"]] == [50 * 1_700]
    assert partition.live["s"]["events"] == 1


def test_a_visit_closes_when_time_has_passed() -> None:
    """A visit closes at W >= last + gap + lateness, not a millisecond before, and its row is freed."""
    partition = Partition().take([page(0, "home")])
    partition.advance(START + (GAP_S + LATENESS_S) * 1_000 - 1)
    assert "s" in partition.live
    partition.advance(START + (GAP_S + LATENESS_S) * 1_000)
    assert not partition.live
    assert len(partition.closed["s"]) == 1


def test_a_late_event_is_counted_and_not_folded() -> None:
    """An event behind W - lateness changes nothing but a count, even where its session had no visit."""
    partition = Partition().take([event(at_s=100, session_id="other"), event(at_s=39.999)])
    assert partition.counts["site"]["late"] == 1
    assert "s" not in partition.live


def test_an_event_stamped_before_the_start_counts_at_its_start() -> None:
    """Disorder within the lateness never makes an offset below 0."""
    features = visit(page(30, "home"), click(0))
    assert features["first_s.click"] == 0
    assert features["duration_s"] == 0


def test_withdrawn_consent_erases_the_visit() -> None:
    """Without consent to analytics the live visit is gone: nothing closed, nothing emitted, its row blank."""
    partition = Partition().take([page(0, "home"), page(1, "home", consent=NO_CONSENT)]).advance(END_MS)
    assert not partition.live
    assert not partition.closed
    assert not partition.fired
    assert partition.counts["site"]["unconsented"] == 1


def test_the_same_seq_of_a_tab_is_a_duplicate() -> None:
    """Within 64 numbers a repeat is told by its seq; another tab numbers for itself."""
    numbers = (("a", 1), ("a", 3), ("a", 2), ("a", 3), ("b", 3))
    partition = Partition().take([click(k, tab_id=tab, seq=seq) for k, (tab, seq) in enumerate(numbers)])
    assert partition.counts["site"]["duplicate"] == 1
    assert partition.live["s"]["count.click"] == 4


def test_behind_the_seq_window_the_event_id_decides() -> None:
    """64 numbers behind the highest an event is a duplicate by its id, or folded and counted as undecided."""
    known = click(0, seq=36, event_id="known")
    partition = Partition().take([known, click(1, seq=100), known, click(2, seq=36)])
    assert partition.counts["site"] | {"folded": 3, "duplicate": 1, "undecided": 1} == partition.counts["site"]


def test_a_fifth_tab_takes_the_oldest_slot() -> None:
    """The tab whose slot was created first is forgotten, so that its repeat is folded again."""
    events = [click(k, tab_id=tab, seq=1) for k, tab in enumerate("abcdeab")]
    assert Partition().take(events).counts["site"]["folded"] == 7


def test_beyond_the_cap_events_are_counted_and_keep_the_visit_open() -> None:
    """A capped event moves `last` and no other feature."""
    features = visit(*(click(k, seq=k) for k in range(5)), config=FoldConfig(event_cap=3))
    assert (features["events"], features["capped"], features["duration_s"]) == (3, 2, 4)


def test_rage_is_counted_once_an_episode() -> None:
    """Five fast clicks on one target are one episode; a pause ends it, and three more are another."""
    fast = [0, 0.3, 0.6, 0.9, 1.2]
    assert visit(*(click(t) for t in fast))["rage_clicks"] == 1
    assert visit(*(click(t) for t in [*fast, 5, 5.5, 6]))["rage_clicks"] == 2


def test_clicks_without_a_target_do_not_break_the_row() -> None:
    """Three clicks on a target within 1 s are rage, whatever is clicked without a target between."""
    assert visit(click(0), click(0.2, None), click(0.4), click(0.6, None), click(1.0))["rage_clicks"] == 1
    assert visit(click(0), click(0.2, "#x"), click(0.4), click(0.6))["rage_clicks"] == 0


def test_a_change_of_page_takes_a_dead_click_back() -> None:
    """Only by the very next event, within 1 s, and only to another page."""
    dead = click(1, interactive=False)
    assert visit(page(0, "a"), dead)["dead_clicks"] == 1
    assert visit(page(0, "a"), dead, page(2, "b"))["dead_clicks"] == 0
    assert visit(page(0, "a"), dead, page(2.001, "b"))["dead_clicks"] == 1
    assert visit(page(0, "a"), dead, page(2, "a"))["dead_clicks"] == 1
    assert visit(page(0, "a"), dead, event(at_s=1.5), page(2, "b"))["dead_clicks"] == 1


def test_an_error_blames_the_last_click_once() -> None:
    """A js_error within 1 s of the last click counts it, the next js_error does not."""
    error = [event(type="js_error", at_s=t) for t in (0.5, 0.9)]
    assert visit(click(0), *error)["error_clicks"] == 1


def test_a_quick_back_returns_within_five_seconds() -> None:
    """Back to the page before, at most 5 s after the current one was entered."""
    assert visit(page(0, "a"), page(10, "b"), page(15, "a"))["quick_backs"] == 1
    assert visit(page(0, "a"), page(10, "b"), page(15.001, "a"))["quick_backs"] == 0


def test_the_cart_follows_from_what_is_added_unless_it_is_given() -> None:
    """Quantity is 1 where null; a given value replaces; nothing falls below 0."""
    add = event(type="add_to_cart", at_s=0, price=19.99)
    more = event(type="add_to_cart", at_s=1, price=5.0, quantity=2)
    remove = event(type="remove_from_cart", at_s=2, price=100.0, quantity=9)
    features = visit(add, more)
    assert features["cart_items"] == 3
    assert features["cart_value"] == np.float32(np.float64(np.float32(19.99)) + 10)
    features = visit(add, more, remove)
    assert (features["cart_items"], features["cart_value"]) == (0, 0)
    assert visit(add, event(at_s=1, cart_value=7.5))["cart_value"] == 7.5


def test_a_purchase_empties_the_cart_into_revenue() -> None:
    """Lines of one order are one order; the highest value of the cart is kept from before the purchase."""
    lines = [event(type="purchase", at_s=k, order_id=o, price=10.0, quantity=2) for k, o in enumerate("xxy")]
    features = visit(event(type="add_to_cart", at_s=0, price=30.0), *lines)
    assert (features["revenue"], features["orders"], features["cart_items"]) == (60, 2, 0)
    assert features["cart_value_max"] == 30


def test_purchases_without_an_order_id_are_told_by_their_time() -> None:
    """Two at one moment are one order."""
    times = (1, 1, 2)
    assert visit(*(event(type="purchase", at_s=t) for t in times))["orders"] == 2


def test_windows_move_on_with_the_newest_event() -> None:
    """Counts stand by window, newest first; any event opens one."""
    features = visit(click(0), click(9.999), click(10), event(at_s=35))
    assert [features[f"window.{k}.click"] for k in range(6)] == [0, 0, 1, 2, 0, 0]


def test_a_burst_of_scrolls_counts_once_a_window() -> None:
    """The tenth scroll of a window makes the burst."""
    assert visit(*(event(type="scroll", at_s=k / 2) for k in range(19)))["scroll_bursts"] == 1


def test_a_bot_clicks_more_than_a_person() -> None:
    """More than the threshold in one 10 s window flags the visit for good."""
    config = FoldConfig(bot_threshold=5)
    assert visit(*(click(k / 10) for k in range(5)), config=config)["bot"] == 0
    assert visit(*(click(k / 10) for k in range(6)), click(60), config=config)["bot"] == 1


def test_timers_fire_once_a_silence_in_order_of_their_deadlines() -> None:
    """A checkout with a cart falls silent: each timer at its deadline, again only after an activity."""
    checkout = page(0, "pay", page_type="checkout", cart_items=1)
    partition = Partition().take([checkout, *(event(at_s=t) for t in (700, 1_400, 1_810))])
    names = [(name, (deadline - START) // 1_000) for _, name, deadline, _ in partition.fired["s"]]
    assert names == [("idle_60", 60), ("checkout_idle_300", 300), ("cart_idle_600", 600), ("cart_idle_1800", 1_800)]


def test_a_timer_at_the_end_of_the_visit_is_recorded_as_post_session() -> None:
    """cart_idle_1800 is due just when the visit ends: it fires before the closing, marked."""
    partition = Partition().take([page(0, "shop", cart_items=1)]).advance(END_MS)
    assert partition.fired["s"][-1][1:] == ("cart_idle_1800", START + 1_800_000, True)
    assert partition.closed["s"][0]["post_session_timers"] == 1


@pytest.mark.parametrize(
    "then", [{"type": "form_submit"}, {"type": "purchase"}, {"type": "input", "field": "card_number", "filled": True}]
)
def test_a_payment_field_left_empty_for_30_s_fires(then: dict[str, Any]) -> None:
    """Unless it is filled, submitted or paid before."""
    empty = event(type="input", at_s=0, field="card_number", filled=False)
    assert visit(empty, event(at_s=40))["timer.payment_field_30"] == 1
    assert visit(empty, event(at_s=29, **then), event(at_s=40))["timer.payment_field_30"] == 0


def test_hovering_on_the_same_target_does_not_restart_its_timer() -> None:
    """10 s after the first hover the timer fires; another target restarts it."""
    hovers = [event(type="hover", at_s=t, target="#buy") for t in (0, 6)]
    assert visit(*hovers, event(at_s=11))["timer.hover_10"] == 1
    assert visit(hovers[0], event(type="hover", at_s=6, target="#x"), event(at_s=11))["timer.hover_10"] == 0


def test_only_given_rows_are_written() -> None:
    """The fold leaves every other row as it was, to the byte."""
    rows = np.repeat(SESSION_LAYOUT.blank, 5)
    columns = to_columns(to_batch([click(0)]), np.array([START]))
    Batch(np.array([3]), columns).fold(rows, FoldConfig())
    assert all(rows[k] == SESSION_LAYOUT.blank[0] for k in (0, 1, 2, 4))


def test_a_row_for_each_event_is_demanded() -> None:
    """Lengths that differ are an error, not a crash."""
    columns = to_columns(to_batch([click(0)]), np.array([START]))
    with pytest.raises(ValueError, match="a row for each of 1 events"):
        Batch(np.zeros(2, np.int64), columns)


def _all(partition: Partition) -> tuple[Any, ...]:
    counts = {s: c for s, c in partition.counts.items() if any(c.values())}
    return partition.live, partition.closed, partition.fired, counts, partition.watermark


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_batches_do_not_matter(data: st.DataObject) -> None:
    """Records split into batches anywhere give what one batch gives, whether visits end in them or not."""
    events = data.draw(streams())
    whole, split = Partition().take(events), Partition()
    for batch in data.draw(splits(len(events))):
        split.take(events[batch])
    assert _all(split) == _all(whole)


@pytest.mark.parametrize("seed", range(100, 112))
def test_batches_do_not_matter_on_long_streams(seed: int) -> None:
    """So it is over hundreds of events."""
    events = seeded_stream(seed)
    whole, split = Partition().take(events), Partition()
    for batch in seeded_splits(seed, len(events)):
        split.take(events[batch])
    assert _all(split) == _all(whole)


@pytest.mark.parametrize("slack_ms", [2_000, 60_000])
@pytest.mark.parametrize("seed", range(8))
def test_disorder_between_sessions_does_not_matter(seed: int, slack_ms: int) -> None:
    """Events of different sessions within min(lateness, slack) of each other may come in any order."""
    config = FoldConfig(timer_slack_ms=slack_ms)
    rng = np.random.default_rng(seed)
    events = [e | {"received_at": e["sent_at"], "occurred_at": e["sent_at"]} for e in seeded_stream(seed)]
    events.sort(key=lambda e: e["sent_at"])
    delay = rng.integers(0, min(slack_ms, config.lateness_ms), 8)
    shuffled = sorted(events, key=lambda e: e["sent_at"] + delay[int(e["session_id"][-1])])
    assert _all(Partition(config).take(shuffled).advance(END_MS)) == _all(
        Partition(config).take(events).advance(END_MS)
    )
