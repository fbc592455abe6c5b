"""Section 5: clicks, pages, searches, forms and products in sequence."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.make import event, features
from tests.reference.symbols import Event


def clicks(*seconds: float, target: str | None = "buy") -> list[Event]:
    """Clicks on one target."""
    return [event("click", second, target=target) for second in seconds]


def view(page: str, seconds: float) -> Event:
    """A page_view."""
    return event("page_view", seconds, page_id=page)


def item(product: str | None, seconds: float = 0.0, **fields: Any) -> Event:
    """A view_item."""
    return event("view_item", seconds, product_id=product, **fields)


def test_three_clicks_within_a_second_are_a_rage_click() -> None:
    """The third click on a target within 1,000 ms of the first makes one, a millisecond later none."""
    assert features(*clicks(0, 0.5, 1.0))["rage_clicks"] == 1
    assert features(*clicks(0, 0.5, 1.001))["rage_clicks"] == 0


def test_a_rage_click_is_an_episode() -> None:
    """Further fast clicks prolong it; after a click that was not fast a new one may begin."""
    assert features(*clicks(0, 0.1, 0.2, 0.3, 0.4))["rage_clicks"] == 1
    assert features(*clicks(0, 0.1, 0.2, 5, 5.1, 5.2))["rage_clicks"] == 2


def test_a_rage_click_is_on_one_target() -> None:
    """Another target breaks the row; a click without target, and other events, do not."""
    assert features(*clicks(0, 0.1), *clicks(0.2, target="other"), *clicks(0.3))["rage_clicks"] == 0
    assert features(*clicks(0, 0.1), *clicks(0.2, target=None), *clicks(0.3))["rage_clicks"] == 1
    assert features(*clicks(0, 0.1), view("/x", 0.2), *clicks(0.3))["rage_clicks"] == 1
    assert features(*clicks(0, 0.1, 0.2, target=None))["rage_clicks"] == 0


def test_a_second_target_begins_an_episode_of_its_own() -> None:
    """Fast clicks on another target are another episode."""
    assert features(*clicks(0, 0.1, 0.2), *clicks(0.3, 0.4, 0.5, target="other"))["rage_clicks"] == 2


def test_a_click_out_of_order_is_not_fast() -> None:
    """A third click stamped before the first is not fast; before the start all clicks are at offset 0."""
    assert features(*clicks(5, 5.1, 4.9))["rage_clicks"] == 1
    assert features(event("scroll", 0), *clicks(5, 5.1, 4.9))["rage_clicks"] == 0


def test_a_dead_click_is_on_what_is_not_interactive() -> None:
    """Only `interactive` = false is dead, not null."""
    kinds = [event("click", interactive=value) for value in (True, False, None)]
    assert features(*kinds)["dead_clicks"] == 1


@pytest.mark.parametrize(
    ("after", "dead"),
    [
        ([view("/next", 1.0)], 0),
        ([view("/next", 1.001)], 1),
        ([view("/", 0.5)], 1),
        ([event("page_ping", 0.1), view("/next", 0.5)], 1),
        ([event("click", 0.1, interactive=False), view("/next", 0.5)], 1),
    ],
)
def test_a_dead_click_is_taken_back_by_another_page_right_after(after: list[Event], dead: int) -> None:
    """Another page takes back a dead click if it is the very next event and at most a second later."""
    assert features(view("/", 0), event("click", 0, interactive=False), *after)["dead_clicks"] == dead


def test_a_dead_click_is_taken_back_by_the_first_page_too() -> None:
    """The first page_view of a visit is another page."""
    assert features(event("click", 0, interactive=False), view("/", 0.5))["dead_clicks"] == 0


def test_an_error_click_is_followed_by_an_error() -> None:
    """A js_error within 0..1,000 ms after the last click counts, once a click."""
    click = event("click", 10)
    assert features(click, event("js_error", 11))["error_clicks"] == 1
    assert features(click, event("js_error", 10))["error_clicks"] == 1
    assert features(click, event("js_error", 11.001))["error_clicks"] == 0
    assert features(click, event("js_error", 10), event("js_error", 10.5))["error_clicks"] == 1
    assert features(event("scroll", 0), click, event("js_error", 9.9))["error_clicks"] == 0
    assert features(click, event("js_error", 10.1), event("click", 10.2), event("js_error", 10.3))["error_clicks"] == 2
    assert features(click, event("js_error", 11.5), event("scroll", 12), event("js_error", 11))["error_clicks"] == 1
    assert features(event("js_error", 0))["error_clicks"] == 0


def test_a_quick_back_returns_within_five_seconds() -> None:
    """Back on the page before at most 5,000 ms after the current one was entered."""
    assert features(view("/a", 0), view("/b", 1), view("/a", 6))["quick_backs"] == 1
    assert features(view("/a", 0), view("/b", 1), view("/a", 6.001))["quick_backs"] == 0
    assert features(view("/a", 0), view("/b", 1), view("/c", 2), view("/a", 3))["quick_backs"] == 0
    assert features(view("/a", 0), view("/b", 1), view("/a", 2), view("/b", 3))["quick_backs"] == 2


def test_a_reload_does_not_enter_the_page_again() -> None:
    """A page_view of the current page is a reload, not a page, and leaves the time of entry."""
    found = features(view("/a", 0), view("/b", 1), view("/b", 5), view("/a", 7))
    assert (found["reloads"], found["pages"], found["quick_backs"]) == (1, 3, 0)


def test_pages_are_set_by_page_views_alone() -> None:
    """Events on another page do not change the current one."""
    found = features(view("/a", 0), event("click", 1, page_id="/b"), view("/a", 2))
    assert (found["reloads"], found["pages"]) == (1, 1)


def test_a_form_left_with_inputs_is_abandoned() -> None:
    """Another page with inputs open abandons the form, once; submission and purchase close it."""
    inputs = [event("input", 1), event("input", 2)]
    assert features(*inputs)["open_inputs"] == 1
    left = features(view("/a", 0), *inputs, view("/b", 3), view("/c", 4))
    assert (left["form_abandons"], left["open_inputs"]) == (1, 0)
    assert features(view("/a", 0), *inputs, view("/a", 3))["form_abandons"] == 0
    for closing in ("form_submit", "purchase"):
        closed = features(view("/a", 0), *inputs, event(closing, 3), view("/b", 4))
        assert (closed["form_abandons"], closed["open_inputs"]) == (0, 0)
    assert features(event("input", 0), view("/a", 1))["form_abandons"] == 1


def test_checkout_inputs_are_inputs_on_a_checkout_page() -> None:
    """The page type of the input itself decides."""
    kinds = [event("input", page_type=page_type) for page_type in ("checkout", "cart", "checkout")]
    assert features(*kinds, event("click", page_type="checkout"))["checkout_inputs"] == 2


def test_a_search_refined_is_one_after_another() -> None:
    """A search counts if no item was selected or viewed since the one before."""
    search = event("search")
    assert features(search, event("click"), search | {"event_id": "b"})["search_refinements"] == 1
    for found in ("select_item", "view_item"):
        assert features(search, event(found), event("search"))["search_refinements"] == 0
    assert features(*(event("search") for _ in range(4)))["search_refinements"] == 3


def test_products_toggle_when_one_goes_back_to_the_one_before() -> None:
    """A, B, A toggles once, A, B, A, B twice; the current product again and views without product change nothing."""
    assert features(*map(item, "ABA"))["product_toggles"] == 1
    assert features(*map(item, "ABAB"))["product_toggles"] == 2
    assert features(*map(item, "ABCA"))["product_toggles"] == 0
    assert features(*map(item, "ABBA"))["product_toggles"] == 1
    assert features(item("A"), item("B"), item(None), item("A"))["product_toggles"] == 1
    assert features(*map(item, "AA"))["product_toggles"] == 0


def test_a_product_is_novel_if_not_among_the_last_eight() -> None:
    """The memory holds the last 8 novel products; seeing one again does not renew it."""
    assert features(*map(item, "ABAB"))["novel_products"] == 2
    assert features(*map(item, "ABCDEFGHA"))["novel_products"] == 8
    assert features(*map(item, "ABCDEFGHAIA"))["novel_products"] == 10
    assert features(item(None))["novel_products"] == 0


def test_out_of_stock_views() -> None:
    """Only `in_stock` = false counts, with or without a product."""
    views = [item(None, in_stock=False), item("A", in_stock=False), item("A", in_stock=True)]
    assert features(*views, event("click", in_stock=False))["out_of_stock_views"] == 2


def test_prices_are_those_of_products_viewed() -> None:
    """Last, highest and mean of view_items with a price."""
    found = features(item("A", price=10.0), item("B", price=25.0), item("C", price=4.0), item("D"))
    assert (found["price_last"], found["price_max"], found["price_mean"]) == (4, 25, 13)
    other = features(event("add_to_cart", price=10.0))
    assert (other["price_last"], other["price_max"], other["price_mean"]) == (0, 0, 0)
