"""Section 5: tumbling windows, scroll bursts, the bot flag."""

from __future__ import annotations

from tests.reference.config import Config
from tests.reference.make import event, features
from tests.reference.symbols import Event


def scrolls(count: int, seconds: float) -> list[Event]:
    """So many scrolls at that second."""
    return [event("scroll", seconds) for _ in range(count)]


def test_windows_tumble_every_ten_seconds_of_event_time() -> None:
    """Events count in the window of their own time, numbered from the newest."""
    found = features(event("click", 0), event("click", 9.999), event("scroll", 10), event("click", 25))
    assert [found[f"window.{k}.click"] for k in range(6)] == [1, 0, 2, 0, 0, 0]
    assert [found[f"window.{k}.scroll"] for k in range(6)] == [0, 1, 0, 0, 0, 0]


def test_an_event_of_any_type_opens_a_window() -> None:
    """A ping is counted in no window and opens one."""
    found = features(event("click", 0), event("page_ping", 30))
    assert [found[f"window.{k}.click"] for k in range(6)] == [0, 0, 0, 1, 0, 0]


def test_only_the_newest_six_windows_are_kept() -> None:
    """An event in the sixth window counts, one older is left out, before or after the newer came."""
    found = features(event("click", 5), event("click", 10), event("scroll", 60), event("click", 9), event("click", 11))
    assert [found[f"window.{k}.click"] for k in range(6)] == [0, 0, 0, 0, 0, 2]
    assert sum(features(event("click", 0), event("scroll", 600))[f"window.{k}.click"] for k in range(6)) == 0


def test_an_event_before_the_start_counts_in_its_own_window() -> None:
    """Windows go by event time, not by offset."""
    found = features(event("scroll", 15), event("click", 5))
    assert (found["window.0.click"], found["window.1.click"]) == (0, 1)


def test_windows_saturate() -> None:
    """A window counts to 255."""
    found = features(*scrolls(260, 0))
    assert (found["window.0.scroll"], found["count.scroll"]) == (255, 260)


def test_a_scroll_burst_is_ten_scrolls_in_one_window() -> None:
    """The tenth scroll of a window makes a burst, the eleventh no further one."""
    assert features(*scrolls(9, 0), event("scroll", 10))["scroll_bursts"] == 0
    assert features(*scrolls(10, 0))["scroll_bursts"] == 1
    assert features(*scrolls(30, 0), *scrolls(10, 10))["scroll_bursts"] == 2
    assert features(*scrolls(260, 0))["scroll_bursts"] == 1


def test_a_scroll_burst_may_come_about_in_an_older_window() -> None:
    """An event out of order counts for the burst of its own window, among the newest six."""
    assert features(*scrolls(9, 0), event("click", 50), event("scroll", 5))["scroll_bursts"] == 1
    assert features(*scrolls(9, 9), event("click", 60), event("scroll", 5))["scroll_bursts"] == 0


def test_a_bot_sends_more_events_in_a_window_than_anyone_could() -> None:
    """More than the threshold in one window is a bot, the threshold is not; it stays one."""
    config = Config(bot_threshold=3)
    three = [event("page_ping", 0) for _ in range(3)]
    assert features(*three, config=config)["bot"] == 0
    later = [event("page_ping", 10) for _ in range(3)]
    assert features(*three, *later, config=config)["bot"] == 0
    assert features(*three, event("page_ping", 9), config=config)["bot"] == 1
    assert features(*three, event("page_ping", 9), event("click", 30), config=config)["bot"] == 1


def test_the_bot_flag_is_judged_for_the_newest_window() -> None:
    """Events of older windows, and what the cap kept out, count for none."""
    three = [event("click", 0) for _ in range(3)]
    assert features(*three, event("click", 10), event("click", 5), config=Config(bot_threshold=3))["bot"] == 0
    assert features(*three, event("click", 5), config=Config(bot_threshold=3, cap=3))["bot"] == 0
