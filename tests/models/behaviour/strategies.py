"""Streams of session events for properties: few sessions, pages and products, and times near every threshold.

What is drawn is told apart from who draws: Hypothesis, which shrinks, or a seeded generator, which is quick.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES
from tests.models.behaviour.events import CONSENT, NO_CONSENT, NO_PERSONALIZATION, START

Event = dict[str, Any]
Pick = Callable[[Sequence[Any]], Any]

SHORT_STEPS_MS = (0, 0, 1, 90, 200, 333, 500, 700, 999, 1_000, 1_001, 1_500, 2_000)
LONG_STEPS_MS = (
    *(3_000, 4_999, 5_000, 9_999, 10_000, 12_000, 29_999, 30_000, 32_000, 59_999, 60_000, 61_000, 119_999, 120_000),
    *(300_000, 302_000, 599_999, 600_000, 700_000, 1_739_999, 1_799_999, 1_800_000, 1_800_001, 1_859_999, 1_860_000),
    *(1_862_000, 5_000_000, 86_399_999),
)
"""From one event's time to the next one's, before disorder."""
DISORDER_MS = (*[0] * 14, -1, -900, -2_000, -10_000, -59_999, -60_000, -60_001, -70_000, -1_800_000)
SKEW_MS = (*[0] * 10, -700, 40, 3_600_000, -3_600_000)
AHEAD_MS = (*[0] * 200, 1_000, 82_799_999, 82_800_000, 82_800_001)
NUMBERED = (*[1] * 12, 2, 60, 64, 65, -5, -63, -64, -70, 0, None, None)

PLAIN = ("page_view", "click", "view_item", "add_to_cart", "input", "hover", "search", "scroll", "page_ping")
RARE = ("purchase", "js_error", "payment_error", "exit_intent", "remove_from_cart", "form_submit", "intervention_shown")
TYPES = PLAIN * 4 + RARE * 2 + EVENT_TYPES
AMOUNTS = (None, 0.0, 0.1, 19.99, 20.0, 33.333333, 50.0, 100.1, 450.0, 1e9)
YES_OR_NO = (None, True, False)
CONSENTS = (*[CONSENT] * 60, NO_PERSONALIZATION, NO_PERSONALIZATION, NO_CONSENT)


def _often_none(none: int, *values: Any) -> tuple[Any, ...]:
    return (None,) * none + values


def facts(pick: Pick, sessions: int) -> Event:
    """Everything of an event but its clocks, number and id."""
    session = pick(range(sessions))
    return {
        "session_id": f"session-{session}",
        "site_id": pick([f"site-{session % 2}"] * 19 + ["site-9"]),
        "tab_id": pick(_often_none(2, *"aaaaaaabcdef")),
        "type": pick(TYPES),
        "page_type": pick([*PAGE_TYPES, "checkout", "checkout", "cart"]),
        "page_id": pick(["home", "shop", "", "ü"]),
        "device": pick(DEVICES),
        "source": pick(SOURCES),
        "consent": pick(CONSENTS),
        "target": pick(_often_none(1, "#buy", "#buy", "#buy", "#more")),
        "interactive": pick(YES_OR_NO),
        "product_id": pick(_often_none(1, "p1", "p2", "p1", "p2", *(f"q{k}" for k in range(10)))),
        "price": pick(AMOUNTS),
        "in_stock": pick(YES_OR_NO),
        "quantity": pick(_often_none(2, 0, 1, 2, 7)),
        "cart_value": pick(_often_none(10, 0.0, 1e-45, 49.95, 200.1, 600.0)),
        "cart_items": pick(_often_none(10, 0, 1, 3)),
        "shipping_cost": pick(_often_none(5, 0.0, 4.99)),
        "scroll_depth": pick(_often_none(2, 0.1, 0.55, 1.0)),
        "dwell_s": pick(_often_none(2, 0.1, 1.7, 33.3)),
        "field": pick(_often_none(1, "card_number", "payment", "cardü", "email", "car")),
        "filled": pick(YES_OR_NO),
        "order_id": pick(_often_none(1, "o1", "o2")),
        "logged_in": pick(YES_OR_NO),
        "returning": pick(YES_OR_NO),
        "prior_conversion": pick(YES_OR_NO),
        "explored_today": pick(_often_none(3, 0, 2)),
    }


def stream(pick: Pick, length: int, sessions: int, haste: int = 3, stubborn: int = 1) -> list[Event]:
    """Records of one partition: disorder, repeats, skewed clocks, gaps in numbering.

    1 step of `haste` is long; `stubborn` of 10 events do what the one before did, in the same place.
    """
    now = START
    numbers: dict[Any, int] = {}
    events: list[Event] = []
    made: Event = {}
    for k in range(length):
        if events and pick(range(12)) == 0:
            events.append(dict(pick(events[-20:])))
            continue
        made = dict(made) if events and pick(range(10)) < stubborn else facts(pick, sessions)
        now += pick(SHORT_STEPS_MS) if pick(range(haste)) else pick(LONG_STEPS_MS)
        arrival = now + pick(DISORDER_MS)
        received = pick([arrival, arrival, None])
        sent = arrival + (pick(SKEW_MS) if received is not None else 0)
        made |= {"occurred_at": sent + pick(AHEAD_MS), "sent_at": sent, "received_at": received}
        made["seq"] = _number(pick, numbers, (made["session_id"], made["tab_id"]))
        made["event_id"] = f"event-{pick(range(k + 1)) if pick(range(16)) == 0 else k}"
        events.append({"containers": [], "attributes": {}, **made})
    return events


def _number(pick: Pick, numbers: dict[Any, int], tab: Any) -> int | None:
    step = pick(NUMBERED)
    if step is None:
        return None
    number = max(numbers.get(tab, 0) + int(step), 0)
    numbers[tab] = max(numbers.get(tab, 0), number)
    return number


@st.composite
def streams(draw: st.DrawFn, most: int = 25, sessions: int = 2) -> list[Event]:
    """Up to `most` records that shrink well."""
    return stream(lambda options: draw(st.sampled_from(options)), draw(st.integers(1, most)), sessions)


def seeded_stream(seed: int, length: int = 300) -> list[Event]:
    """A long stream of its own for every seed, of few or many sessions, hasty or slow."""
    generator = random.Random(seed)
    habits = {"haste": generator.choice([2, 8, 30, 200]), "stubborn": generator.choice([0, 2, 8])}
    return stream(generator.choice, length, sessions=generator.choice([1, 2, 8]), **habits)


@st.composite
def splits(draw: st.DrawFn, length: int) -> list[slice]:
    """Consecutive batches that make up `length` records; some may be empty."""
    return _between(sorted(draw(st.lists(st.integers(0, length), max_size=6))), length)


def seeded_splits(seed: int, length: int) -> list[slice]:
    """Consecutive batches of very different sizes."""
    generator = random.Random(seed)
    return _between(sorted(generator.choices(range(length + 1), k=generator.choice([0, 3, 40]))), length)


def _between(cuts: list[int], length: int) -> list[slice]:
    return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
