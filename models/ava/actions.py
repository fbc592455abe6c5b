"""What rules say of actions, and the ids of the arms that take them."""

from __future__ import annotations

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
