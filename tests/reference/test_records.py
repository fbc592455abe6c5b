"""Section 2: the way of one record, step by step."""

from __future__ import annotations

from typing import Any

from tests.reference.config import Config
from tests.reference.make import T0, at, counts, event, features, fired, fold, pass_time, record_all, visit_after

NO_ANALYTICS = {"analytics": False, "personalization": False}
MINUTE = 60


def ahead(kind: str, seconds: float, arrived: float, **fields: Any) -> dict[str, Any]:
    """An event stamped at one second that arrives at an earlier one, and so moves the watermark only to the latter."""
    return event(kind, occurred_at=at(seconds), sent_at=at(arrived), received_at=at(arrived), **fields)


def test_step_1_the_watermark_moves_before_all_else() -> None:
    """A record without consent moves the watermark too, and so does a late one of another session."""
    partition = fold(event("click", 0), event("click", 100, consent=NO_ANALYTICS))
    assert partition.watermark == at(100)


def test_step_3_without_consent_nothing_but_a_count_is_kept() -> None:
    """A record without analytics consent is counted for its site, and makes no visit."""
    partition = fold(event("click", consent=NO_ANALYTICS, site_id="other"))
    assert counts(partition, "other").unconsented == 1
    assert counts(partition, "other").folded == 0
    assert not partition.live


def test_step_3_without_consent_the_live_visit_is_erased() -> None:
    """A withdrawn consent erases the visit: it is not closed, and no timer of it fires any more."""
    partition = fold(event("click", 0), event("click", 50, consent=NO_ANALYTICS))
    pass_time(partition, 100 * MINUTE)
    assert not partition.live
    assert not partition.closed
    assert not partition.timers
    assert counts(partition).visits == 0
    assert counts(partition).folded == 1


def test_step_3_a_visit_that_had_ended_is_closed_before_consent_is_asked() -> None:
    """What time had closed is closed, wherever a batch ended; there is nothing left to erase."""
    partition = fold(event("click", 0), event("click", 40 * MINUTE, consent=NO_ANALYTICS))
    assert [visit.visit_started_at for visit in partition.closed] == [T0]
    assert counts(partition).unconsented == 1


def test_step_3_after_an_erasure_a_visit_begins_anew() -> None:
    """The next consented event begins a visit of which nothing is known, not even duplicates."""
    once = event("click", 0, seq=1)
    partition = fold(once, event("click", 1, consent=NO_ANALYTICS), once | {"occurred_at": at(2), "sent_at": at(2)})
    assert partition.live["s"].events == 1
    assert partition.live["s"].start == T0
    assert counts(partition).folded == 2


def test_step_2_time_passes_for_the_session_before_its_record() -> None:
    """A visit whose end the watermark has passed is closed before the record, which begins another."""
    partition = fold(event("click", 0), event("click", 31 * MINUTE))
    assert [closed.visit_started_at for closed in partition.closed] == [T0]
    assert partition.live["s"].start == at(31 * MINUTE)
    assert fired(partition) == [("idle_60", 60)]


def test_step_2_time_passes_also_for_a_late_record() -> None:
    """A late record closes its session's visit where the watermark says so."""
    partition = fold(event("click", 0), event("click", 31 * MINUTE, session_id="other"))
    record_all(partition, event("click", 10))
    assert len(partition.closed) == 1
    assert counts(partition).late == 1


def test_step_4_late_is_older_than_the_watermark_less_the_lateness() -> None:
    """60 s behind the watermark is folded, one millisecond more is late, and late counts for the site named."""
    partition = fold(event("click", 100), event("click", 40), event("click", 39.999, site_id="other"))
    assert counts(partition).folded == 2
    assert counts(partition).late == 0
    assert counts(partition, "other").late == 1


def test_step_5_a_gap_of_thirty_minutes_ends_a_visit() -> None:
    """30 min after the last event begins another visit, one millisecond less does not."""
    assert fold(event("click", 0), event("click", 30 * MINUTE - 0.001)).live["s"].start == T0
    partition = fold(event("click", 0), event("click", 30 * MINUTE))
    assert partition.live["s"].start == at(30 * MINUTE)
    assert partition.closed[0].last == T0


def test_step_5_a_visit_lasts_a_day_at_most() -> None:
    """An event a day after the start begins another visit, however short the gap."""
    config = Config(longest_ms=100_000)
    partition = fold(event("click", 0), event("click", 99.999), event("click", 100), config=config)
    assert partition.closed[0].features["events"] == 2
    assert partition.live["s"].start == at(100)


def test_step_5_timers_up_to_the_event_fire_before_the_close() -> None:
    """Timers with a deadline up to the event's time fire, though the watermark is not there; later ones do not."""
    cart = event("click", 0, cart_items=1, page_type="cart")
    partition = fold(cart, ahead("click", 30 * MINUTE, arrived=1))
    assert fired(partition) == [("idle_60", 60), ("cart_idle_600", 600), ("cart_idle_1800", 1800)]
    assert [timer.post_session for timer in partition.timers] == [False, False, True]
    assert partition.closed[0].features["post_session_timers"] == 1

    later = fold(event("hover", 0, target="x"), event("page_ping", 5), event("click", 65), config=Config(gap_ms=60_000))
    assert fired(later) == [("hover_10", 10), ("idle_60", 60)]


def test_step_5_no_timer_fires_beyond_the_end_of_the_visit() -> None:
    """A deadline above last + gap + lateness never fires, however far the event that closes the visit is."""
    config = Config(gap_ms=60_000, lateness_ms=1_000)
    partition = fold(event("click", 0, cart_items=1), ahead("click", 3_600, arrived=0), config=config)
    assert fired(partition) == [("idle_60", 60)]


def test_step_5_an_event_a_gap_before_the_start_is_late() -> None:
    """Behind the start by the gap is late, by less is folded at offset 0."""
    config = Config(gap_ms=50_000)
    early = fold(event("click", 100), event("click", 50), config=config)
    assert counts(early).late == 1
    near = fold(event("click", 100), event("scroll", 50.001), config=config)
    assert near.live["s"].start == at(100)
    assert near.live["s"].features()["first_s.scroll"] == 0


def test_step_6_a_new_visit_starts_with_its_first_event() -> None:
    """Start, last and last activity of a new visit are the first event's time, of whatever type it is."""
    visit = visit_after(event("page_ping", 3))
    assert (visit.start, visit.last, visit.timers.active) == (at(3), at(3), at(3))
    assert visit.events == 1


def test_step_7_a_duplicate_changes_nothing_but_counts() -> None:
    """A duplicate is counted for its visit and site, neither moves `last` nor fires a timer."""
    once = event("click", 0, seq=5)
    again = ahead("click", 65, arrived=1, seq=5)
    partition = fold(once, again)
    assert counts(partition).duplicate == 1
    assert counts(partition).folded == 1
    assert partition.live["s"].features()["duplicates"] == 1
    assert partition.live["s"].last == T0
    assert not partition.timers


def test_step_8_an_event_ends_the_silence_up_to_its_time() -> None:
    """A timer due at the event's very time fires before the event is folded, though the watermark is short of it."""
    partition = fold(event("click", 0), event("click", 60))
    assert fired(partition) == [("idle_60", 60)]
    assert not partition.live["s"].timers.silent
    assert not fold(event("click", 0), event("click", 59.999)).timers


def test_step_8_a_ping_too_lets_timers_fire() -> None:
    """An event that is no activity lets timers up to its time fire, and leaves them silent."""
    partition = fold(event("click", 0), event("page_ping", 61))
    assert fired(partition) == [("idle_60", 60)]
    assert partition.live["s"].timers.silent == {"idle_60"}


def test_step_9_beyond_the_cap_only_last_moves() -> None:
    """A capped event is counted and moves `last`; it is not folded, nor is it activity."""
    visit = visit_after(event("click", 0), event("click", 1), event("click", 2), config=Config(cap=2))
    assert visit.features()["events"] == 2
    assert visit.features()["capped"] == 1
    assert visit.features()["duration_s"] == 2
    assert visit.features()["silence_s"] == 1


def test_step_9_an_earlier_capped_event_moves_nothing() -> None:
    """`last` never goes back, by a capped event either."""
    partition = fold(event("click", 5), event("click", 1), config=Config(cap=1))
    assert partition.live["s"].last == at(5)
    assert counts(partition).capped == 1
    assert counts(partition).folded == 1


def test_step_9_a_capped_visit_stays_open() -> None:
    """Capped events keep a visit open like others."""
    partition = fold(event("click", 0), event("click", 20 * MINUTE), event("click", 45 * MINUTE), config=Config(cap=1))
    assert partition.live["s"].start == T0


def test_step_10_an_event_before_the_start_counts_at_offset_0() -> None:
    """An event stamped before the start leaves start and last, and stands at offset 0."""
    visit = visit_after(event("click", 10), event("scroll", 4))
    assert (visit.start, visit.last) == (at(10), at(10))
    assert visit.features()["first_s.scroll"] == 0
    assert visit.features()["duration_s"] == 0


def test_step_10_counts_are_kept_for_the_site_of_the_visit() -> None:
    """A session that names another site in the midst of a visit is counted for the visit's site."""
    partition = fold(event("click", 0), event("click", 1, site_id="other"))
    assert counts(partition).folded == 2
    assert counts(partition, "other").folded == 0


def test_a_closed_visit_converted_if_it_has_a_purchase() -> None:
    """Visits, conversions, orders and order lines are counted as visits close."""
    partition = fold(
        event("purchase", 0, order_id="a"), event("purchase", 1, order_id="a"), event("click", 0, session_id="other")
    )
    assert counts(partition).visits == 0
    pass_time(partition, 60 * MINUTE)
    assert {closed.session_id: closed.converted for closed in partition.closed} == {"s": True, "other": False}
    totals = counts(partition)
    assert (totals.visits, totals.converted_visits, totals.orders, totals.order_lines) == (2, 1, 1, 2)


def test_one_purchase_converts() -> None:
    """A single purchase is enough."""
    partition = fold(event("purchase", 0))
    pass_time(partition, 60 * MINUTE)
    assert [closed.converted for closed in partition.closed] == [True]


def test_one_session_may_hold_several_visits() -> None:
    """Nothing of a visit passes into the next one of the same session."""
    assert features(event("add_to_cart", 0, quantity=3), event("click", 40 * MINUTE))["cart_items"] == 0
