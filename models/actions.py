"""The actions a page can take for a visitor, in the order of the scorer's action values (DOMAIN 7, given)."""

from __future__ import annotations

from types import MappingProxyType

from schemas.vocabulary import TIERS

MONITOR, PASSIVE, NUDGE, ACTIVE, ESCALATE = range(len(TIERS))
"""The codes of tiers: their places in TIERS."""

NO_OP = "no_op"
"""To decide and show nothing: an arm of every friction, of no tier, with which an action's value is compared."""
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
"""By the code of their tier."""
TIER_OF_ACTION = MappingProxyType({action: tier for tier, actions in ACTIONS_BY_TIER.items() for action in actions})
"""The code of the tier that an action belongs to; no_op belongs to none."""
ACTIONS = (*TIER_OF_ACTION, NO_OP)
"""The 22 actions by rising tier, then no_op."""
ACTION_CODE = MappingProxyType({action: code for code, action in enumerate(ACTIONS)})
"""The place of each action in ACTIONS."""
