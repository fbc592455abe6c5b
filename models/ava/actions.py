"""What can be done for a visit (DOMAIN 7, given), by tier, and the ids of the arms that do it."""

from __future__ import annotations

from types import MappingProxyType

from schemas.vocabulary import TIERS

MONITOR, PASSIVE, NUDGE, ACTIVE, ESCALATE = range(len(TIERS))

NO_OP = "no_op"
"""Deciding to do nothing: an arm of every friction, of no tier."""

ACTIONS_BY_TIER = MappingProxyType(
    {
        PASSIVE: (
            "passive_trust_badge",
            "passive_shipping_bar",
            "passive_bnpl_callout",
            "passive_stock_urgency",
            "passive_price_pin",
            "passive_info_adjust",
        ),
        NUDGE: (
            "nudge_suggestion",
            "nudge_size_guide",
            "nudge_search_help",
            "nudge_cart_reminder",
            "nudge_comparison_offer",
            "nudge_review_highlight",
        ),
        ACTIVE: (
            "active_comparison",
            "active_alternative",
            "active_discount_offer",
            "active_chat",
            "active_bundle_suggest",
        ),
        ESCALATE: (
            "escalate_full_assist",
            "escalate_payment_help",
            "escalate_checkout_save",
            "escalate_human_handoff",
        ),
    }
)
TIER_OF_ACTION = MappingProxyType({action: tier for tier, actions in ACTIONS_BY_TIER.items() for action in actions})

PRICE_AND_SCARCITY = frozenset(
    {
        "passive_bnpl_callout",
        "passive_stock_urgency",
        "passive_price_pin",
        "active_discount_offer",
        "active_bundle_suggest",
    }
)
"""Actions about price, discount or scarcity: never for what touches demographics, accessibility or fraud (given)."""


def arm_id(site_id: str, friction_id: str, action: str) -> str:
    """The arm that takes an action for a friction (or the pseudo-friction `none`) at a site."""
    return f"a:{site_id}:{friction_id}:{action}"
