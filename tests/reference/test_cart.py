"""Section 5.1: the cart."""

from __future__ import annotations

from tests.reference.float32 import float32
from tests.reference.make import event, features


def test_adding_without_further_word() -> None:
    """add_to_cart adds the quantity, 1 where null, and quantity x price, nothing where the price is null."""
    found = features(event("add_to_cart", quantity=2, price=10.0), event("add_to_cart", price=5.0))
    assert (found["cart_items"], found["cart_value"]) == (3, 25)
    found = features(event("add_to_cart"), event("add_to_cart", quantity=0, price=5.0))
    assert (found["cart_items"], found["cart_value"]) == (1, 0)


def test_removing_goes_down_to_nothing() -> None:
    """remove_from_cart takes the same away, not below 0."""
    full = event("add_to_cart", quantity=3, price=10.0)
    found = features(full, event("remove_from_cart", price=10.0))
    assert (found["cart_items"], found["cart_value"]) == (2, 20)
    found = features(full, event("remove_from_cart", quantity=5, price=10.0))
    assert (found["cart_items"], found["cart_value"]) == (0, 0)


def test_what_the_event_gives_replaces_what_was_known() -> None:
    """cart_items and cart_value on any event replace the visit's, a ping's too."""
    found = features(event("add_to_cart", quantity=3, price=10.0), event("page_ping", cart_items=7, cart_value=99.5))
    assert (found["cart_items"], found["cart_value"]) == (7, 99.5)


def test_what_the_event_gives_is_not_counted_twice() -> None:
    """By type only that changes which the event does not give."""
    full = event("add_to_cart", quantity=3, price=10.0)
    items_given = features(full, event("add_to_cart", quantity=2, price=5.0, cart_items=9))
    assert (items_given["cart_items"], items_given["cart_value"]) == (9, 40)
    value_given = features(full, event("remove_from_cart", price=5.0, cart_value=12.0))
    assert (value_given["cart_items"], value_given["cart_value"]) == (2, 12)


def test_a_purchase_empties_the_cart() -> None:
    """After a purchase the cart is empty, whatever the event gives; revenue grows by cart_value where given."""
    found = features(
        event("add_to_cart", quantity=3, price=10.0), event("purchase", cart_items=3, cart_value=28.0, price=10.0)
    )
    assert (found["cart_items"], found["cart_value"], found["revenue"]) == (0, 0, 28)


def test_revenue_without_a_cart_value() -> None:
    """Revenue grows by quantity x price, a null quantity being 1 and a null price nothing."""
    found = features(
        event("purchase", 0, quantity=2, price=10.0), event("purchase", 1, price=4.0), event("purchase", 2, quantity=5)
    )
    assert found["revenue"] == 24


def test_the_highest_value_of_the_cart() -> None:
    """The highest value after any event, a purchase's own included."""
    assert features(event("add_to_cart", price=30.0), event("remove_from_cart", price=20.0))["cart_value_max"] == 30
    assert features(event("add_to_cart", price=30.0), event("purchase", cart_value=45.0))["cart_value_max"] == 45


def test_values_are_float32() -> None:
    """Each store rounds to float32, each sum is made in float64."""
    found = features(event("add_to_cart", price=0.1), event("add_to_cart", price=0.2))
    assert found["cart_value"] == float32(float32(0.1) + 0.2)


def test_an_order_is_told_by_its_id() -> None:
    """Another order id than the last purchase's begins an order; a former one again does too."""
    lines = [event("purchase", second, order_id=order) for second, order in enumerate("aabba")]
    found = features(*lines)
    assert (found["orders"], found["count.purchase"]) == (3, 5)


def test_without_ids_an_order_is_told_by_its_time() -> None:
    """Where either purchase has no order id, another event time begins an order."""
    first = event("purchase", 0)
    assert features(first, event("purchase", 0))["orders"] == 1
    assert features(first, event("purchase", 1))["orders"] == 2
    assert features(first, event("purchase", 0, order_id="a"))["orders"] == 1
    assert features(event("purchase", 0, order_id="a"), event("purchase", 1))["orders"] == 2
    assert features(event("click", 9), event("purchase", 5), event("purchase", 4))["orders"] == 2


def test_shipping() -> None:
    """The last cost given, and its share of the cart, 0 without a cart."""
    found = features(event("click", shipping_cost=4.0), event("click", shipping_cost=5.0), event("click"))
    assert (found["shipping_cost"], found["shipping_share"]) == (5, 0)
    assert features(event("click", shipping_cost=5.0, cart_value=40.0))["shipping_share"] == 0.125
    assert features(event("click", shipping_cost=0.25, cart_value=0.5))["shipping_share"] == 0.5
    assert features(event("click", shipping_cost=1e9, cart_value=1e-45))["shipping_share"] == 1e6


def test_leaving_with_a_cart() -> None:
    """An exit_intent counts while something is in the cart, by what the event itself gives too."""
    assert features(event("exit_intent"), event("add_to_cart"), event("exit_intent"))["exit_with_cart"] == 1
    assert features(event("exit_intent", cart_items=1), event("exit_intent", cart_items=0))["exit_with_cart"] == 1
