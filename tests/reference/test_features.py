"""Section 5: the table of features."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from tests.reference import timers, windows
from tests.reference.float32 import float32
from tests.reference.make import event, features, visit_after
from tests.reference.symbols import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES, field_types
from tests.reference.tally import Tally

PAGE = Path(__file__).parents[2] / "docs" / "fold.md"
FAMILIES = {
    "type": EVENT_TYPES,
    "page type": PAGE_TYPES,
    "name": timers.NAMES,
    "device": DEVICES,
    "source": SOURCES,
    "k": tuple(map(str, range(windows.KEPT))),
}


def documented_names() -> list[str]:
    """The names in the first column of the table of section 5, families written out."""
    section = PAGE.read_text().split("\n## 5.")[1].split("\n### 5.1")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [name for row in rows for pattern in re.findall(r"`([^`]+)`", row) for name in written_out(pattern)]


def written_out(pattern: str) -> list[str]:
    """The names a pattern such as `count.<type>` stands for."""
    parts = re.split(r"<([^>]+)>", pattern)
    families = FAMILIES | {"type": windows.TYPES} if pattern.startswith("window.") else FAMILIES
    choices = [[part] if index % 2 == 0 else list(families[part]) for index, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*choices)]


def test_every_feature_of_the_page_is_there_in_its_order() -> None:
    """The names are those of docs/fold.md, in its order."""
    assert list(features(event("click"))) == documented_names()


def test_defaults() -> None:
    """A visit of one ping has the default of every feature but those the ping itself sets."""
    found = features(event("page_ping", page_type="cart", device="mobile", source="paid"))
    ones = {"events", "count.page_ping", "page_type.cart", "device.mobile", "source.paid", "bounce"}
    never = re.compile(r"(page\.)?(first|last)_s\.|logged_in|returning|prior_conversion")
    for name, value in found.items():
        if name in ("first_s.page_ping", "last_s.page_ping"):
            assert value == 0
        elif never.match(name):
            assert value == -1, name
        else:
            assert value == (name in ones), name


def test_the_values_are_float32() -> None:
    """Every value is one a float32 can hold."""
    found = features(event("click", 0), event("scroll", 0.123, scroll_depth=0.3, dwell_s=0.7))
    assert all(value == float32(value) for value in found.values())
    assert found["last_s.scroll"] == float32(0.123)


def test_first_and_last_go_by_the_order_of_records() -> None:
    """First and last are those folded first and last, not the earliest and latest."""
    found = features(event("scroll", 0), event("click", 5), event("click", 9), event("click", 3))
    assert (found["count.click"], found["first_s.click"], found["last_s.click"]) == (3, 5, 3)


def test_page_views_by_page_type() -> None:
    """Only page_views count by page type."""
    found = features(
        event("page_view", 1, page_type="cart"),
        event("click", 2, page_type="cart"),
        event("page_view", 4, page_type="cart"),
    )
    assert (found["page.count.cart"], found["page.first_s.cart"], found["page.last_s.cart"]) == (2, 0, 3)
    assert (found["page.count.landing"], found["page.first_s.landing"]) == (0, -1)


def test_counts_saturate() -> None:
    """Counts by type stop at 65,535."""
    tally = Tally(count={"click": 65_534})
    tally.add("click", 1)
    tally.add("click", 2)
    assert tally.count["click"] == 65_535
    assert tally.last["click"] == 2


def test_scroll_and_dwell() -> None:
    """The deepest scroll, and the sum of dwell in float32, of events of whatever type."""
    found = features(
        event("scroll", scroll_depth=0.5, dwell_s=0.1),
        event("page_ping", dwell_s=0.2),
        event("click", scroll_depth=0.25),
    )
    assert found["scroll_max"] == 0.5
    assert found["dwell_s"] == float32(float32(0.1) + 0.2)


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        (1, "view_item"),
        (2, "add_to_cart"),
        (3, "view_cart"),
        (4, "begin_checkout"),
        (5, "add_shipping_info"),
        (6, "add_payment_info"),
        (7, "purchase"),
    ],
)
def test_funnel_is_the_highest_stage_reached(stage: int, kind: str) -> None:
    """Each stage has its number, and going back does not lower it."""
    assert features(event(kind), event("view_item"))["funnel"] == stage


def test_pages_per_minute() -> None:
    """Pages by minutes, a visit counting as one second at least."""
    views = [event("page_view", second, page_id=f"/{second}") for second in (0, 40, 120)]
    assert features(*views)["pages_per_min"] == 1.5
    assert features(views[0])["pages_per_min"] == 60


def test_bounce_is_one_page_of_less_than_five_seconds() -> None:
    """Five seconds, or a second page, are no bounce."""
    first = event("page_view", 0)
    assert features(first, event("click", 4.999))["bounce"] == 1
    assert features(first, event("click", 5))["bounce"] == 0
    assert features(first, event("page_view", 1, page_id="/b"))["bounce"] == 0


def test_the_page_type_is_that_of_the_last_activity() -> None:
    """An event that is no activity leaves it; before any activity it is the first event's."""
    found = features(event("click", page_type="cart"), event("page_ping", page_type="checkout"))
    assert (found["page_type.cart"], found["page_type.checkout"]) == (1, 0)
    pings = features(event("page_ping", page_type="cart"), event("page_ping", page_type="checkout"))
    assert (pings["page_type.cart"], pings["page_type.checkout"]) == (1, 0)


def test_device_and_source_are_those_of_the_first_event() -> None:
    """Later events do not change them."""
    found = features(event("click", device="tablet", source="email"), event("click", device="mobile", source="paid"))
    assert (found["device.tablet"], found["device.mobile"]) == (1, 0)
    assert (found["source.email"], found["source.paid"]) == (1, 0)


@pytest.mark.parametrize("name", ["logged_in", "returning", "prior_conversion"])
def test_facts_of_the_visitor_are_the_last_given(name: str) -> None:
    """-1 until given, then the last one given."""
    given = [event("click") | {name: value} for value in (None, True, None, False, None)]
    assert [features(*given[:n])[name] for n in (1, 2, 3, 4, 5)] == [-1, 1, 1, 0, 0]


def test_explored_today_is_the_last_given() -> None:
    """0 until given, then the last one given."""
    given = [event("click", explored_today=value) for value in (None, 2, None)]
    assert [features(*given[:n])["explored_today"] for n in (1, 2, 3)] == [0, 2, 2]


def test_duration_and_silence() -> None:
    """The duration ends with the last event, the silence begins with the last activity."""
    found = features(event("click", 0), event("page_ping", 12.5))
    assert (found["duration_s"], found["silence_s"]) == (12.5, 12.5)


def test_an_event_holds_what_the_schema_says() -> None:
    """The examples name no field that the schema lacks."""
    assert set(event("click")) <= set(field_types("session-event"))
    assert visit_after(event("click")).session_id == "s"
