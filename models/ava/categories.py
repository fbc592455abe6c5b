"""The categories of the catalog of frictions: the ids they hold and the severities they admit (DOMAIN 7, given)."""

from __future__ import annotations

from types import MappingProxyType
from typing import NamedTuple


class Category(NamedTuple):
    """Numbers of its frictions, and its band of severities, 0-100; both ends count."""

    first: int
    last: int
    mildest: int
    severest: int


CATEGORIES = MappingProxyType(
    {
        "landing": Category(1, 12, 30, 50),
        "navigation": Category(13, 27, 32, 52),
        "search": Category(28, 41, 45, 65),
        "product": Category(42, 67, 35, 60),
        "cart": Category(68, 88, 55, 82),
        "checkout": Category(89, 116, 60, 90),
        "pricing": Category(117, 130, 50, 72),
        "trust": Category(131, 146, 40, 58),
        "mobile": Category(147, 160, 38, 52),
        "technical": Category(161, 177, 52, 80),
        "content": Category(178, 191, 30, 50),
        "personalization": Category(192, 202, 28, 45),
        "social proof": Category(203, 211, 25, 42),
        "communication": Category(212, 224, 35, 50),
        "account": Category(225, 235, 40, 65),
        "shipping": Category(236, 247, 46, 68),
        "returns": Category(248, 257, 42, 58),
        "post-purchase": Category(258, 268, 32, 50),
        "re-engagement": Category(269, 277, 36, 52),
        "accessibility": Category(278, 286, 40, 52),
        "cross-channel": Category(287, 294, 36, 52),
        "decision": Category(295, 302, 52, 65),
        "payment": Category(303, 312, 65, 82),
        "compliance": Category(313, 318, 38, 50),
        "seasonal": Category(319, 325, 40, 58),
    }
)
FIRST_FRICTION = 1
LAST_FRICTION = 325
"""F001-F325 (given); an id outside is an error, never a default severity."""
SENSITIVE_CATEGORIES = frozenset({"accessibility"})
"""Categories whose frictions may choose help, never price, discount or scarcity (given)."""
ANCHORS = MappingProxyType(
    {
        "F001": 45,
        "F002": 30,
        "F028": 65,
        "F058": 55,
        "F068": 80,
        "F089": 90,
        "F091": 60,
        "F094": 75,
        "F117": 70,
        "F131": 50,
        "F297": 65,
    }
)
"""Severities that are given for a friction, wherever a catalog holds it."""
