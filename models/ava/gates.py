"""The gates (DOMAIN 7): each names the first of its conditions that held, `NOTHING` without one.

`x` is float32[128] in the order of `models.behaviour.moment.INPUTS`, `past` a row of HISTORY_DTYPE, `site` one of
SITE_DTYPE, `profile` one of PROFILE_DTYPE. What a gate makes of its condition is in `models.ava.judging`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import ACTIVE, ESCALATE, NUDGE, PASSIVE
from models.ava.catalog import CompiledCatalog
from models.ava.catalog_check import RAISED_FRICTIONS
from models.ava.conditions import NOTHING, condition_code
from models.ava.history import NO_FRICTION, contains, friction_number, within
from models.ava.profiles import Profile
from models.behaviour.moment import INPUT_PLACE
from models.jit import Record, njit
from schemas.vocabulary import TIERS

Row = npt.NDArray[np.float32]


class GateBounds(NamedTuple):
    """The figures of the gates (DOMAIN 7, given)."""

    payment_errors: float = 2.0
    """Payments failed that raise."""
    idle_cart_value: float = 200.0
    """A checkout left idle raises above this cart, in the site's currency; how long idle is the timer's, 300 s."""
    shipping_share: np.float32 = np.float32(0.20)
    """Shipping above this share of the cart lowers while it is not shown; float32, as features are."""
    confidence: float = 0.75
    """Below this confidence of its mapping a friction is not decided on in limited_active."""
    receptivity: float = 15.0
    """Below this nothing is shown."""
    young_sessions: int = 100
    """A site with fewer sessions takes PASSIVE and NUDGE only, unless it opts in."""
    apart_s: float = 30.0
    """Between any two interventions."""


GATE = GateBounds()

CONSENT_WITHHELD = condition_code("consent_withheld")
KILL_SWITCH = condition_code("kill_switch")
HOLDOUT = condition_code("holdout")
NO_FRICTION_FOUND = condition_code("no_friction")
PAYMENT_FAILED = condition_code("payment_failed")
CHECKOUT_IDLE = condition_code("checkout_idle")
HELP_SEARCH = condition_code("help_search")
TECHNICAL_ERROR = condition_code("technical_error")
OUT_OF_STOCK = condition_code("out_of_stock_in_view")
SHIPPING_NOT_SHOWN = condition_code("shipping_not_shown")
LIMITED_ACTIVE = condition_code("limited_active")
LOW_CONFIDENCE = condition_code("low_confidence")
YOUNG_SITE = condition_code("young_site")
NOT_RECEPTIVE = condition_code("not_receptive")
DISMISSAL_LIMIT = condition_code("dismissal_limit")
SESSION_AGE = condition_code("session_age")
ACTIVE_LIMIT = condition_code("active_limit")
NUDGE_LIMIT = condition_code("nudge_limit")
LOUD_LIMIT = condition_code("loud_limit")
SAME_FRICTION = condition_code("same_friction")
AFTER_ACTIVE = condition_code("after_active")
AFTER_NUDGE = condition_code("after_nudge")
AFTER_DISMISSAL = condition_code("after_dismissal")
TOO_SOON = condition_code("too_soon")

PAYMENT_FRICTION, CHECKOUT_FRICTION, HELP_FRICTION = (friction_number(one) for one in RAISED_FRICTIONS)
MODE_CONDITIONS = (LIMITED_ACTIVE, LOW_CONFIDENCE, YOUNG_SITE)
"""Of gate 4, by bit."""
CAPPED = 1 << 0 | 1 << 2
"""The bits that leave a NUDGE at most."""

_PAYMENT_ERRORS = INPUT_PLACE["count.payment_error"]
_PURCHASES = INPUT_PLACE["count.purchase"]
_CHECKOUT_SILENT = INPUT_PLACE["silent.checkout_idle_300"]
_ON_CHECKOUT = INPUT_PLACE["page_type.checkout"]
_CART_VALUE = INPUT_PLACE["cart_value"]
_HELP_SEARCHES = INPUT_PLACE["help_searches"]
_TECHNICAL_ERROR = INPUT_PLACE["technical_error"]
_OUT_OF_STOCK = INPUT_PLACE["out_of_stock_in_view"]
_SHIPPING_SHARE = INPUT_PLACE["shipping_share"]
_SHIPPING_SHOWN = INPUT_PLACE["count.add_shipping_info"]
_DISMISSED = INPUT_PLACE["count.intervention_dismissed"]
_DISMISSED_S = INPUT_PLACE["dismissed_s"]
_AGE_S = INPUT_PLACE["age_s"]


@njit
def stop(consented: int, bucket: int, site: Record) -> int:
    """Gate 0."""
    if not consented:
        return CONSENT_WITHHELD
    if site.kill_switch:
        return KILL_SWITCH
    if bucket < site.held_out:
        return HOLDOUT
    return NOTHING


@njit
def raising(x: Row, past: Record, site: Record, catalog: CompiledCatalog) -> int:
    """Gate 2: the first condition that holds and may raise; for an order that was placed only a search for help."""
    buying = x[_PURCHASES] == 0
    if buying and x[_PAYMENT_ERRORS] >= GATE.payment_errors and _may_raise(PAYMENT_FAILED, past, site, catalog):
        return PAYMENT_FAILED
    idle = x[_CHECKOUT_SILENT] == 1 and x[_ON_CHECKOUT] == 1 and x[_CART_VALUE] > GATE.idle_cart_value
    if buying and idle and _may_raise(CHECKOUT_IDLE, past, site, catalog):
        return CHECKOUT_IDLE
    if x[_HELP_SEARCHES] > 0 and _may_raise(HELP_SEARCH, past, site, catalog):
        return HELP_SEARCH
    return NOTHING


@njit
def _may_raise(condition: int, past: Record, site: Record, catalog: CompiledCatalog) -> bool:
    """Whether something can follow: its friction was not decided on, and has an action at the tier that results."""
    friction = raised_friction(condition)
    if contains(past.raised, friction) or contains(past.handled, friction) or not sure(friction, catalog, site):
        return False
    tier = guarded(ESCALATE, guarding(ESCALATE, False, site), friction)
    # The conditions are numbered in the order of RAISED_FRICTIONS.
    bit = (condition - PAYMENT_FAILED) * len(TIERS) + tier
    return bool((site.raisable >> bit) & 1)


@njit
def raised_friction(condition: int) -> int:
    """The friction that a condition of gate 2 names."""
    if condition == PAYMENT_FAILED:
        return PAYMENT_FRICTION
    if condition == CHECKOUT_IDLE:
        return CHECKOUT_FRICTION
    if condition == HELP_SEARCH:
        return HELP_FRICTION
    return NO_FRICTION


@njit
def lowering(x: Row) -> int:
    """Gate 3."""
    if x[_TECHNICAL_ERROR] == 1:
        return TECHNICAL_ERROR
    if x[_OUT_OF_STOCK] == 1:
        return OUT_OF_STOCK
    if x[_SHIPPING_SHARE] > GATE.shipping_share and x[_SHIPPING_SHOWN] == 0:
        return SHIPPING_NOT_SHOWN
    return NOTHING


@njit
def sure(friction: int, catalog: CompiledCatalog, site: Record) -> bool:
    """Whether a friction's mapping is sure enough to be decided on at this site."""
    return bool(not site.limited or catalog.confidence[friction] >= GATE.confidence)


@njit
def guarding(tier: int, passed_over: bool, site: Record) -> int:
    """Gate 4: a bit for each of MODE_CONDITIONS that holds; `passed_over`: a more severe friction, being not sure."""
    held = 0
    if site.limited and tier > NUDGE:
        held |= 1 << 0
    if passed_over:
        held |= 1 << 1
    if site.sessions < GATE.young_sessions and not site.opted_in and tier > NUDGE:
        held |= 1 << 2
    return held


@njit
def guarded(tier: int, held: int, friction: int) -> int:
    """The tier that gate 4 leaves: at most PASSIVE where every friction was passed over, at most NUDGE by the rest."""
    if friction == NO_FRICTION:
        return min(tier, PASSIVE)
    return min(tier, NUDGE) if held & CAPPED else tier


@njit
def first_guard(held: int) -> int:
    """The first of MODE_CONDITIONS whose bit is set."""
    if held & (1 << 0):
        return LIMITED_ACTIVE
    if held & (1 << 1):
        return LOW_CONFIDENCE
    if held & (1 << 2):
        return YOUNG_SITE
    return NOTHING


@njit
def hard_stop(x: Row, receptivity: float, profile: Profile) -> int:
    """Gate 5; `receptivity` is the signal used."""
    if receptivity < GATE.receptivity:
        return NOT_RECEPTIVE
    if x[_DISMISSED] >= profile.dismissals:
        return DISMISSAL_LIMIT
    return NOTHING


@njit
def limits(x: Row, past: Record, profile: Profile, tier: int, friction: int, raised: bool) -> int:
    """Gate 6, on the tier that results; age and counts do not hold what gate 2 raised."""
    if not raised:
        held = _age_and_counts(x, past, profile, tier)
        if held != NOTHING:
            return held
    if contains(past.handled, friction):
        return SAME_FRICTION
    if within(past.since_active_s, profile.after_active_s):
        return AFTER_ACTIVE
    if within(past.since_nudge_s, profile.after_nudge_s):
        return AFTER_NUDGE
    if x[_DISMISSED] > 0 and x[_DISMISSED_S] < profile.after_dismissal_s:
        return AFTER_DISMISSAL
    if within(past.since_any_s, GATE.apart_s):
        return TOO_SOON
    return NOTHING


@njit
def _age_and_counts(x: Row, past: Record, profile: Profile, tier: int) -> int:
    if x[_AGE_S] < profile.min_age_s:
        return SESSION_AGE
    if tier == ACTIVE and past.active >= profile.active_per_session:
        return ACTIVE_LIMIT
    if tier == NUDGE and past.nudge >= profile.nudge_per_session:
        return NUDGE_LIMIT
    if tier > PASSIVE and past.loud >= profile.loud_per_session:
        return LOUD_LIMIT
    return NOTHING
