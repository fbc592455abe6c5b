"""What visitors do, by intent: each journey moves its visit on and yields the seconds until it goes on itself.

All ends in one decision, by all that was seen until then: to pay, or to leave. Durations and shares are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from models.shop.visit import Visit

Steps = Iterator[float]

PRODUCTS = 200
CATEGORIES = 12
STOCK_PERIOD, OUT_OF_STOCK = 25, 7
"""Of every STOCK_PERIOD products, number OUT_OF_STOCK cannot be bought."""
GLANCE_S = (0.4, 4.2)
"""How long a bouncing visitor stays: less than the 5 s that make a bounce."""
LONGEST_READ_S = 90.0
SILENCE_S = (60.0, 900.0)
SILENCES = 0.02
"""Share of readings that turn into a long silence."""
FRETS = 0.07
"""Share of readings in which something goes wrong."""
TERMS = ("trail shoes", "rain jacket", "wool socks", "lamp", "backpack", "desk chair")
HELP_TERMS = ("how do I return", "contact support", "where is my order", "payment not working", "size help")
CARD_FIELDS = ("card_number", "card_expiry", "card_code")


def journey(v: Visit) -> Steps:
    """The whole visit."""
    v.enter(*_door(v))
    if v.bounces():
        yield v.dice.between(*GLANCE_S)
        if v.dice.chance(0.5):
            v.tell("visibility_hidden", dwell_s=v.dwelt())
        return
    yield from reads(v, 8)
    yield from BY_INTENT[v.visitor.intent](v)
    if v.decides():
        yield from pays(v)
    else:
        yield from leaves(v)


def browses(v: Visit) -> Steps:
    yield from looks_through(v, 1 + v.dice.below(3))


def researches(v: Visit) -> Steps:
    yield from searches(v, 1 + v.dice.below(2))
    yield from looks_through(v, 2)
    if v.visitor.two_tabs:
        v.open_tab()
    one, other = v.dice.below(PRODUCTS), v.dice.below(PRODUCTS)
    for product in (one, other, one, other)[: 2 + v.dice.below(3)]:
        yield from looks_at(v, product, 12)
    if v.dice.chance(0.25):
        v.tell("copy_text", target="title")
        yield v.dice.wait(5)
    if v.dice.chance(0.35):
        v.tell("add_to_wishlist", product_id=f"p{other}")
        yield v.dice.wait(4)
    if v.dice.chance(0.3):
        yield from adds(v)


def shops(v: Visit) -> Steps:
    yield from looks_through(v, 1 + v.dice.below(2))
    if v.visitor.two_tabs:
        v.open_tab()
    yield from fills_cart(v)
    yield from goes_to_checkout(v)


def buys_again(v: Visit) -> Steps:
    v.enter("account", "/account")
    v.tell("input", 3_000, field="email", filled=True)
    yield v.dice.between(3, 12)
    v.log_in()
    v.tell("form_submit")
    yield v.dice.wait(4)
    if v.dice.chance(0.12):
        v.tell("refund", order_id=f"earlier-{v.number}", cart_value=v.dice.pick(v.visitor.site.prices))
        yield v.dice.wait(6)
    yield from looks_at(v, v.dice.below(PRODUCTS), 6)
    yield from fills_cart(v)
    yield from goes_to_checkout(v)


def gets_stuck_paying(v: Visit) -> Steps:
    yield from fills_cart(v)
    yield from goes_to_checkout(v)
    yield from fills_in_card(v)
    for _ in range(2 + v.dice.below(2)):
        v.tell("form_submit", target="pay")
        v.tell("payment_error", 1_200, error_code=v.dice.pick(("declined", "expired", "unavailable")))
        yield v.dice.between(10, 40)
        if v.dice.chance(0.4):
            rages(v, "pay")
            yield v.dice.wait(4)
    yield v.dice.between(45, 300)


def hesitates_in_cart(v: Visit) -> Steps:
    yield from looks_through(v, 1)
    yield from fills_cart(v)
    if v.dice.chance(0.25):
        v.tell("exit_intent")
        yield v.dice.wait(5)
    v.tell("visibility_hidden", dwell_s=v.dwelt())
    yield v.dice.between(605, 900) if v.dice.chance(0.65) else v.dice.between(60, 300)
    if v.dice.chance(0.4):
        v.enter("cart", "/cart")
        if len(v.cart) > 1:
            v.cart.pop()
            v.tell("remove_from_cart", 2_000, cart_items=len(v.cart), cart_value=v.cart_value)
        yield v.dice.wait(10)


def freezes_at_checkout(v: Visit) -> Steps:
    yield from fills_cart(v)
    yield from goes_to_checkout(v)
    v.tell("input", field=CARD_FIELDS[0], filled=False)
    yield v.dice.between(310, 880) if v.dice.chance(0.75) else v.dice.between(35, 250)
    if v.dice.chance(0.3):
        v.enter("cart", "/cart")
        yield v.dice.wait(8)


def seeks_help(v: Visit) -> Steps:
    if v.dice.chance(0.5):
        yield from fills_cart(v)
    yield from searches(v, 3 + v.dice.below(3), help_share=0.4)
    v.enter("other", "/help")
    yield from reads(v, 15)
    if v.dice.chance(0.5):
        v.tell("custom", name="help_opened")
    yield v.dice.between(10, 120)


BY_INTENT: dict[str, Callable[[Visit], Steps]] = {
    "browse": browses,
    "research": researches,
    "buy": shops,
    "returning_buyer": buys_again,
    "stuck_at_payment": gets_stuck_paying,
    "hesitate_in_cart": hesitates_in_cart,
    "freeze_at_checkout": freezes_at_checkout,
    "help_seeker": seeks_help,
}


def reads(v: Visit, mean_s: float) -> Steps:
    """Stay on a page for a while, which shows in a scroll or a ping; now and then fret, or fall silent."""
    yield min(v.dice.wait(mean_s), LONGEST_READ_S) + 0.5
    at = v.dice.random()
    if at < 0.45:
        v.tell("scroll", scroll_depth=v.scrolled(), dwell_s=v.dwelt())
    elif at < 0.75:
        v.tell("page_ping", dwell_s=v.dwelt())
    elif at < 0.85:
        v.tell("click", target=f"{v.page_type}-link-{v.dice.below(6)}", interactive=True)
    if v.dice.chance(FRETS):
        yield from frets(v)
    elif v.dice.chance(SILENCES):
        v.tell("visibility_hidden", 200, dwell_s=v.dwelt())
        yield v.dice.between(*SILENCE_S)


def frets(v: Visit) -> Steps:
    """Something goes wrong."""
    at = v.dice.random()
    if at < 0.25:
        rages(v, "zoom")
    elif at < 0.5:
        v.tell("click", 300, target="image", interactive=False)
    elif at < 0.7:
        v.tell("click", 300, target="more", interactive=True)
        v.tell("js_error", 250, error_code="TypeError")
    elif at < 0.8:
        v.tell("slow_response", 100)
    elif at < 0.9:
        v.tell("hover", 300, target="add-to-cart")
        yield v.dice.between(12, 30)
    else:
        back = v.page_type, v.page_id
        v.enter("category", f"/c/{v.dice.below(CATEGORIES)}", 500)
        v.enter(*back, 2_500)
    yield v.dice.wait(4)


def rages(v: Visit, target: str) -> None:
    """Click the same thing again and again."""
    for _ in range(3 + v.dice.below(2)):
        v.tell("click", 180, target=target, interactive=True)


def looks_through(v: Visit, categories: int) -> Steps:
    """Categories, and some of their products."""
    for _ in range(categories):
        v.enter("category", f"/c/{v.dice.below(CATEGORIES)}")
        yield from reads(v, 8)
        for _ in range(v.dice.below(3)):
            product = v.dice.below(PRODUCTS)
            if v.dice.chance(0.5):
                v.tell("select_item", product_id=f"p{product}")
            yield from looks_at(v, product, 10)


def looks_at(v: Visit, product: int, mean_s: float) -> Steps:
    """One product's page."""
    v.enter("product", f"/p/{product}", 250)
    v.tell(
        "view_item",
        120,
        product_id=f"p{product}",
        price=price_of(v, product),
        in_stock=product % STOCK_PERIOD != OUT_OF_STOCK,
    )
    yield from reads(v, mean_s)


def searches(v: Visit, times: int, help_share: float = 0.0) -> Steps:
    """Search, and refine it."""
    v.enter("search_results", "/search", 200)
    term = v.dice.pick(HELP_TERMS if v.dice.chance(help_share) else TERMS)
    for refinement in range(times):
        v.tell("search", 100, query=" ".join((term, *(("blue", "large", "cheap", "new")[:refinement]))))
        yield v.dice.between(4, 25)
        if v.dice.chance(0.15):
            v.tell("click", target="filter", interactive=False)


def adds(v: Visit) -> Steps:
    """Put the next product into the cart."""
    product = v.dice.below(PRODUCTS)
    if product % STOCK_PERIOD == OUT_OF_STOCK:
        product += 1
    yield from looks_at(v, product, 8)
    v.cart.append(price_of(v, product))
    v.tell(
        "add_to_cart",
        200,
        target="add-to-cart",
        product_id=f"p{product}",
        price=v.cart[-1],
        quantity=1,
        cart_items=len(v.cart),
        cart_value=v.cart_value,
    )
    yield v.dice.between(2, 12)


def fills_cart(v: Visit) -> Steps:
    """One product or more, then the cart."""
    for _ in range(1 if v.dice.chance(0.6) else 2):
        yield from adds(v)
    v.enter("cart", "/cart")
    v.tell("view_cart", 150, cart_items=len(v.cart), cart_value=v.cart_value, shipping_cost=v.shipping)
    yield v.dice.between(3, 20)


def goes_to_checkout(v: Visit) -> Steps:
    """Begin the checkout and give an address."""
    v.enter("checkout", "/checkout")
    v.tell("begin_checkout", 150, cart_items=len(v.cart), cart_value=v.cart_value)
    yield v.dice.between(3, 12)
    v.tell("input", field="email", filled=True)
    if v.dice.chance(0.15):
        v.tell("form_error", 2_000, field="postcode", error_code="invalid")
    yield v.dice.between(5, 25)
    v.tell("add_shipping_info", shipping_cost=v.shipping)
    yield v.dice.between(3, 10)


def fills_in_card(v: Visit) -> Steps:
    """Means of payment."""
    for field in CARD_FIELDS[: 1 + v.dice.below(3)]:
        v.tell("input", field=field, filled=True)
        yield v.dice.between(2, 8)
    v.tell("add_payment_info", cart_value=v.cart_value)
    yield v.dice.between(2, 8)


def pays(v: Visit) -> Steps:
    """From wherever they are to an order."""
    if not v.cart:
        yield from fills_cart(v)
    if v.page_type != "checkout":
        yield from goes_to_checkout(v)
    yield from fills_in_card(v)
    order = f"order-{v.session_id}"
    v.orders.append(order)
    v.tell("form_submit", target="pay")
    v.tell("purchase", 900, order_id=order, cart_value=v.cart_value, shipping_cost=v.shipping)
    if v.clicked is not None:
        v.tell("intervention_converted", 50, intervention_id=v.clicked, order_id=order)
    v.cart.clear()
    yield v.dice.between(3, 30)


def leaves(v: Visit) -> Steps:
    """Close the page, with or without a sign of it."""
    yield v.dice.between(1, 15)
    if v.visitor.facts["device"] == "desktop" and v.dice.chance(0.35):
        v.tell("exit_intent")
        yield v.dice.between(0.5, 4)
    if v.dice.chance(0.4):
        v.tell("visibility_hidden", dwell_s=v.dwelt())


def price_of(v: Visit, product: int) -> float:
    """The price of a product of the visit's site."""
    prices = v.visitor.site.prices
    return prices[product % len(prices)]


def _door(v: Visit) -> tuple[str, str]:
    """The page they come in by."""
    at = v.dice.random()
    if at < 0.6:
        return "landing", "/"
    if at < 0.8:
        return "category", f"/c/{v.dice.below(CATEGORIES)}"
    return "product", f"/p/{v.dice.below(PRODUCTS)}"
