"""The frictions a visit can be in (`docs/fold.md`, 6); the catalogs replace these rules as data."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from models.behaviour.codes import CART_IDLE_600, CHECKOUT, CHECKOUT_IDLE_300, PAYMENT_ERROR, PURCHASE
from models.jit import Record, njit


class Friction(NamedTuple):
    """A friction of the catalog: its id, category, severity 0-100, and how sure the mapping to events is, 0-1."""

    id: str
    category: str
    severity: int
    confidence: float = 1.0


FRICTIONS = (
    Friction("F089", "checkout", 90),
    Friction("F068", "cart", 80),
    Friction("F094", "checkout", 75),
    Friction("F028", "search", 65),
)
"""By falling severity, then by id; a friction's place is its code, and its bit where several are detected."""
NO_FRICTION = -1

F089, F068, F094, F028 = range(len(FRICTIONS))
PAYMENT_ERRORS = 2
"""Payment errors without a purchase that make F094 (given)."""
REFINEMENTS = 2
"""Refined searches that make F028 (ours)."""

_CATEGORIES = sorted({friction.category for friction in FRICTIONS})
SEVERITY = np.array([friction.severity for friction in FRICTIONS], np.float64)
CONFIDENCE = np.array([friction.confidence for friction in FRICTIONS], np.float64)
CATEGORY = np.array([_CATEGORIES.index(friction.category) for friction in FRICTIONS], np.int64)


@njit
def detect(row: Record) -> int:
    """The frictions detected, a bit each by code."""
    detected = 0
    if row.silent & (1 << CHECKOUT_IDLE_300) and row.page_type == CHECKOUT and row.type_count[PURCHASE] == 0:
        detected |= 1 << F089
    if row.silent & (1 << CART_IDLE_600) and row.cart_items > 0:
        detected |= 1 << F068
    if row.type_count[PAYMENT_ERROR] >= PAYMENT_ERRORS and row.type_count[PURCHASE] == 0:
        detected |= 1 << F094
    if row.search_refinements >= REFINEMENTS:
        detected |= 1 << F028
    return detected


@njit
def how_many(detected: int) -> int:
    """The number of frictions detected."""
    number = 0
    while detected:
        detected &= detected - 1
        number += 1
    return number


@njit
def highest(detected: int) -> int:
    """The code of the detected friction of highest severity, the lowest id among equals; `NO_FRICTION` without one."""
    if detected == 0:
        return NO_FRICTION
    code = 0
    while not detected & (1 << code):
        code += 1
    return code


@njit
def mean_confidence(detected: int) -> float:
    """Mean mapping confidence, 0-1, of the frictions detected, at least one."""
    total = 0.0
    number = 0
    for code in range(SEVERITY.size):
        if detected & (1 << code):
            total += CONFIDENCE[code]
            number += 1
    return total / number
