"""The true effects of actions: what an experiment on this shop should find."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from models.actions import MONITOR, NO_OP, TIER_OF_ACTION
from schemas.vocabulary import TIERS

Number = TypeVar("Number", float, npt.NDArray[np.float64])

NO_CATEGORY = "none"
"""Category of a decision without a friction."""

_LAST_OF_CATEGORY = {
    "landing": 12,
    "navigation": 27,
    "search": 41,
    "product": 67,
    "cart": 88,
    "checkout": 116,
    "pricing": 130,
    "trust": 146,
    "mobile": 160,
    "technical": 177,
    "content": 191,
    "personalization": 202,
    "social proof": 211,
    "communication": 224,
    "account": 235,
    "shipping": 247,
    "returns": 257,
    "post-purchase": 268,
    "re-engagement": 277,
    "accessibility": 286,
    "cross-channel": 294,
    "decision": 302,
    "payment": 312,
    "compliance": 318,
    "seasonal": 325,
}
"""Number of the last friction of each category (given, DOMAIN 7)."""
_NAMES, _LASTS = tuple(_LAST_OF_CATEGORY), tuple(_LAST_OF_CATEGORY.values())


def category_of(friction_id: str | None) -> str:
    """The category of a friction, F001-F325; NO_CATEGORY for none, and for what is no friction of the catalog."""
    if not friction_id or not friction_id[1:].isdecimal():
        return NO_CATEGORY
    number = int(friction_id[1:])
    return _NAMES[bisect_left(_LASTS, number)] if 1 <= number <= _LASTS[-1] else NO_CATEGORY


class TrueEffect(NamedTuple):
    """What showing an action adds to the log-odds of conversion: by friction, else by category, else `otherwise`."""

    otherwise: float = 0.0
    by: Mapping[str, float] = {}


TRUE_EFFECTS: Mapping[str, TrueEffect] = {
    NO_OP: TrueEffect(),
    "passive_trust_badge": TrueEffect(0.05, {"trust": 0.5, "payment": 0.3, "checkout": 0.2}),
    "passive_shipping_bar": TrueEffect(0.05, {"shipping": 0.5, "cart": 0.25, "pricing": 0.15}),
    "passive_bnpl_callout": TrueEffect(0.05, {"pricing": 0.35, "payment": 0.25, "cart": 0.2}),
    "passive_stock_urgency": TrueEffect(-0.05, {"product": 0.15, "decision": 0.2, "trust": -0.4}),
    "passive_price_pin": TrueEffect(0.0, {"pricing": 0.3, "product": 0.15}),
    "passive_info_adjust": TrueEffect(0.05, {"content": 0.3, "product": 0.2}),
    "nudge_suggestion": TrueEffect(0.0, {"search": 0.3, "product": 0.25, "landing": 0.2, "checkout": -0.3}),
    "nudge_size_guide": TrueEffect(0.0, {"product": 0.4, "checkout": -0.2}),
    "nudge_search_help": TrueEffect(0.0, {"search": 0.6, "navigation": 0.3}),
    "nudge_cart_reminder": TrueEffect(0.05, {"cart": 0.5, "checkout": 0.2}),
    "nudge_comparison_offer": TrueEffect(0.0, {"decision": 0.5, "product": 0.3, "checkout": -0.35}),
    "nudge_review_highlight": TrueEffect(0.1, {"trust": 0.45, "product": 0.3, "social proof": 0.3}),
    "active_comparison": TrueEffect(-0.1, {"decision": 0.6, "product": 0.35, "checkout": -0.5}),
    "active_alternative": TrueEffect(-0.1, {"product": 0.45}),
    "active_discount_offer": TrueEffect(0.3, {"pricing": 0.9, "cart": 0.8, "checkout": 0.5, "trust": -0.2}),
    "active_chat": TrueEffect(-0.05, {"search": 0.4, "checkout": 0.35, "payment": 0.3}),
    "active_bundle_suggest": TrueEffect(-0.15, {"product": 0.2, "cart": -0.3, "checkout": -0.6}),
    "escalate_full_assist": TrueEffect(-0.1, {"search": 0.5, "checkout": 0.5, "payment": 0.4}),
    "escalate_payment_help": TrueEffect(-0.1, {"F094": 1.3, "payment": 1.2, "checkout": 0.3}),
    "escalate_checkout_save": TrueEffect(0.0, {"F094": 0.4, "checkout": 0.9, "cart": 0.5}),
    "escalate_human_handoff": TrueEffect(-0.2, {"payment": 0.7, "account": 0.6, "checkout": 0.4, "landing": -0.6}),
}
"""Ours; every action of DOMAIN 7. Some harm wherever they do not suit."""


def true_effect(action: str, friction_id: str | None) -> float:
    """What showing this action on this friction adds to the log-odds of conversion; 0 for an unknown action."""
    effect = TRUE_EFFECTS.get(action)
    if effect is None:
        return 0.0
    if friction_id is not None and friction_id in effect.by:
        return effect.by[friction_id]
    return effect.by.get(category_of(friction_id), effect.otherwise)


CLICKED = {"MONITOR": 0.0, "PASSIVE": 0.02, "NUDGE": 0.15, "ACTIVE": 0.25, "ESCALATE": 0.4}
"""Share of visitors who click on what is shown, by tier, where it has no effect (ours)."""
DISMISSED = {"MONITOR": 0.0, "PASSIVE": 0.01, "NUDGE": 0.12, "ACTIVE": 0.2, "ESCALATE": 0.12}
"""Share of visitors of mean patience who dismiss what is shown, by tier, where it has no effect (ours)."""
LIKELIEST = 0.45
"""Neither is more likely than this."""
IMPATIENT = 1.5
"""Factor on dismissals of a visitor of patience 0; of patience 1, it is this less 1."""


def click_share(often: Number, shift: Number) -> Number:
    """Probability of a click: `often` by tier, more where the action helps. Scalars or float64 arrays alike."""
    share: Number = np.minimum(LIKELIEST, often * np.exp(shift))
    return share


def dismiss_share(often: Number, shift: Number, patience: Number) -> Number:
    """Probability of a dismissal: `often` by tier, less where the action helps, and with patience, 0-1."""
    share: Number = np.minimum(LIKELIEST, often * np.exp(-shift) * (IMPATIENT - patience))
    return share


def tier_of_action(action: str) -> str:
    """The tier an action belongs to; MONITOR for no_op and for what is no action."""
    return TIERS[TIER_OF_ACTION.get(action, MONITOR)]
