"""Who comes: a visitor's hidden intent, what shows of them, and what they agreed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from models.shop.config import ShopConfig, Site
from models.shop.dice import Dice, Weighted

NOTHING = {"analytics": False, "personalization": False}
ANALYTICS = {"analytics": True, "personalization": False}
EVERYTHING = {"analytics": True, "personalization": True}


class Intent(NamedTuple):
    """A hidden intent: its share of the visits, and the true log-odds of a conversion and of a bounce (ours)."""

    share: float
    conversion: float
    bounce: float


INTENTS = {
    "browse": Intent(0.36, -3.2, 0.0),
    "research": Intent(0.15, -2.4, -1.0),
    "buy": Intent(0.09, 0.6, -3.0),
    "returning_buyer": Intent(0.06, 0.9, -3.5),
    "stuck_at_payment": Intent(0.08, -0.7, -4.0),
    "hesitate_in_cart": Intent(0.10, -1.2, -3.0),
    "freeze_at_checkout": Intent(0.08, -0.9, -4.0),
    "help_seeker": Intent(0.08, -1.8, -2.5),
}
DEVICES = {"mobile": 0.5, "desktop": 0.43, "tablet": 0.07}
SOURCES = {"organic": 0.33, "direct": 0.25, "paid": 0.2, "social": 0.1, "email": 0.08, "referral": 0.04}
BY_DEVICE = {"mobile": -0.2, "desktop": 0.1, "tablet": 0.0}
"""True log-odds of conversion by device (ours)."""
CAME_BEFORE = 0.2
"""True log-odds of conversion of a returning visitor (ours)."""
FROM_SOCIAL = 0.5
"""True log-odds of a bounce of visitors from social networks (ours)."""
TEMPER = 0.3
"""Standard deviation of a visitor's own log-odds of conversion (ours)."""
LOGGED_IN = 0.15
EXPLORED = 0.05
"""Shares of visits: logged in from the start; shown something exploratory earlier in the day."""
PREFIX_OF_EVENT_IDS = 24
"""Characters of a UUID that all events of a visit share."""

_INTENTS = Weighted({name: intent.share for name, intent in INTENTS.items()})
_DEVICES = Weighted(DEVICES)
_SOURCES = Weighted(SOURCES)


@dataclass
class Visitor:
    """One visitor on one visit. `facts` stand on every event; log-odds are true and without any container or action."""

    site: Site
    intent: str
    facts: dict[str, Any]
    consent: dict[str, bool]
    grants: bool
    withdraws: bool
    two_tabs: bool
    conversion: float
    bounce: float
    patience: float
    """0-1; the lower, the sooner they dismiss."""
    buys_below: float
    """They buy where their probability exceeds this uniform draw, so that effects show visitor by visitor."""
    event_prefix: str
    skew_ms: int
    delay_ms: int


def draw_visitor(config: ShopConfig, sites: Weighted[Site], dice: Dice) -> Visitor:
    """A visitor of one of the sites."""
    habits, site = config.visitors, sites.draw(dice)
    intent = _INTENTS.draw(dice)
    device, source = _DEVICES.draw(dice), _SOURCES.draw(dice)
    returning = intent == "returning_buyer" or dice.chance(habits.returning)
    known = dice.below(habits.known)
    visitor_id = f"{site.site_id}-{known:06d}" if returning else f"{site.site_id}-{dice.uuid()[:18]}"
    facts: dict[str, Any] = {
        "site_id": site.site_id,
        "session_id": dice.uuid(),
        "visitor_id": None if dice.chance(habits.anonymous) else visitor_id,
        "device": device,
        "source": source,
        "logged_in": dice.chance(LOGGED_IN),
        "returning": returning,
        # A property of the person, whichever of their visits it is.
        "prior_conversion": returning and known < habits.bought_before * habits.known,
    }
    if dice.chance(EXPLORED):
        facts["explored_today"] = 1 + dice.below(2)
    consent, grants, withdraws = _agreed(config, dice)
    network = config.network
    skew = network.skew_ms if dice.chance(network.skewed) else network.drift_ms
    return Visitor(
        site=site,
        intent=intent,
        facts=facts,
        consent=consent,
        grants=grants,
        withdraws=withdraws,
        two_tabs=dice.chance(habits.second_tab),
        conversion=INTENTS[intent].conversion
        + BY_DEVICE[device]
        + (CAME_BEFORE if returning else 0.0)
        + TEMPER * dice.normal(),
        bounce=INTENTS[intent].bounce + (FROM_SOCIAL if source == "social" else 0.0),
        patience=dice.random(),
        buys_below=dice.random(),
        event_prefix=dice.uuid()[:PREFIX_OF_EVENT_IDS],
        skew_ms=int(dice.between(-skew, skew)),
        delay_ms=int(dice.between(*network.delay_ms)),
    )


def _agreed(config: ShopConfig, dice: Dice) -> tuple[dict[str, bool], bool, bool]:
    """What they agree to at first, whether they agree to all later, and whether they take it back."""
    habits, at = config.visitors, dice.random()
    for share, answer in (
        (habits.never_analytics, (NOTHING, False, False)),
        (habits.analytics_only, (ANALYTICS, False, False)),
        (habits.grants, (NOTHING, True, False)),
        (habits.withdraws, (EVERYTHING, False, True)),
    ):
        if at < share:
            return answer
        at -= share
    return EVERYTHING, False, False
