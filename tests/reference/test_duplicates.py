"""Section 4: duplicates."""

from __future__ import annotations

from tests.reference.config import Config
from tests.reference.make import counts, event, features, fold, visit_after
from tests.reference.symbols import Event


def numbered(*numbers: int, tab: str | None = None) -> list[Event]:
    """Events of one tab with these numbers."""
    return [event("scroll", tab_id=tab, seq=number) for number in numbers]


def named(*ids: str) -> list[Event]:
    """Events without a number."""
    return [event("scroll", event_id=name) for name in ids]


def test_a_number_seen_before_is_a_duplicate() -> None:
    """A number is new once, in whatever order the numbers come."""
    assert features(*numbered(5, 3, 5, 3, 4, 6, 4))["duplicates"] == 3
    assert features(*numbered(0, 1, 1))["duplicates"] == 1


def test_a_number_is_told_within_64() -> None:
    """63 behind the highest is told apart, new or seen; 64 behind is told by event_id alone."""
    told = features(*numbered(0, 1, 64, 1, 2))
    assert (told["duplicates"], told["undecided"], told["events"]) == (1, 0, 4)
    behind = features(*numbered(0, 1, 64, 0))
    assert (behind["duplicates"], behind["undecided"], behind["events"]) == (0, 1, 4)


def test_a_jump_beyond_the_window_forgets_all_in_it() -> None:
    """A highest 64 above the former leaves only itself in the window."""
    visit = visit_after(*numbered(0, 1, 2, 66, 3))
    assert (visit.duplicates, visit.undecided, visit.events) == (0, 0, 5)
    assert features(*numbered(3, 66, 3))["duplicates"] == 1


def test_behind_the_window_the_event_id_decides() -> None:
    """Behind the window an id among the last 8 is a duplicate."""
    old = event("scroll", seq=0)
    assert features(old, event("scroll", seq=100), old)["duplicates"] == 1


def test_tabs_number_their_events_apart() -> None:
    """The same number in another tab is new; no tab is a tab of its own."""
    assert features(*numbered(1, tab="a"), *numbered(1, tab="b"), *numbered(1))["duplicates"] == 0
    assert features(*numbered(1), *numbered(1))["duplicates"] == 1


def test_a_fifth_tab_takes_the_slot_created_first() -> None:
    """The oldest slot gives way however lately it was used; its tab, seen again, is new and drives out the next."""
    four = [one for tab in "abcd" for one in numbered(1, tab=tab)]
    used = numbered(2, tab="a")
    fifth = numbered(1, tab="e")
    visit = visit_after(*four, *used, *fifth)
    assert list(visit.memory.tabs) == ["b", "c", "d", "e"]
    visit = visit_after(*four, *used, *fifth, *numbered(1, tab="a"))
    assert list(visit.memory.tabs) == ["c", "d", "e", "a"]
    assert visit.duplicates == 0
    assert features(*four, *fifth, *numbered(1, tab="b"))["duplicates"] == 1


def test_without_a_number_the_event_id_decides() -> None:
    """An id among the last 8 is a duplicate; a visit of up to 8 events is remembered whole."""
    eight = named(*"abcdefgh")
    assert features(*eight, *named("a"))["duplicates"] == 1
    ninth = features(*eight, *named("i"))
    assert (ninth["duplicates"], ninth["undecided"], ninth["events"]) == (0, 0, 9)


def test_without_a_number_and_beyond_8_events_it_cannot_be_told() -> None:
    """With more than 8 events folded, an unknown id is folded and counted as undecided."""
    partition = fold(*named(*"abcdefghi"), *named("a", "b"))
    visit = partition.live["s"]
    assert (visit.duplicates, visit.undecided, visit.events) == (0, 2, 11)
    assert counts(partition).undecided == 2


def test_the_ids_of_numbered_events_are_remembered_too() -> None:
    """An event that came with a number is known when it comes again without."""
    once = event("scroll", seq=7)
    assert features(once, once | {"seq": None})["duplicates"] == 1


def test_duplicates_push_nothing_out() -> None:
    """The id of a duplicate is not remembered a second time."""
    assert list(visit_after(*named(*"abcdefgh"), *named("h", "h", "h")).memory.ids) == list("abcdefgh")


def test_a_capped_event_is_remembered() -> None:
    """A capped event that comes again is a duplicate, by id as by number."""
    by_id = features(*named("a", "b", "b"), config=Config(cap=1))
    assert (by_id["capped"], by_id["duplicates"]) == (1, 1)
    by_number = features(*numbered(1, 2, 2), config=Config(cap=1))
    assert (by_number["capped"], by_number["duplicates"]) == (1, 1)


def test_a_capped_event_that_cannot_be_told_is_counted_as_both() -> None:
    """Undecided is counted where it is found out, before the cap."""
    partition = fold(*named(*"abcdefghi"), *named("j"), config=Config(cap=9))
    assert (counts(partition).undecided, counts(partition).capped, counts(partition).folded) == (1, 1, 9)
