"""The catalog of frictions, `models/ava/catalog.json`, and which of them a visit shows (docs/live.md, section 2)."""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.reference.features import Feature
from tests.reference.float32 import float32
from tests.reference.moment import AT_MOMENT
from tests.reference.symbols import PAGE_TYPES
from tests.reference.tiers import TIERS

if TYPE_CHECKING:
    from tests.reference.visit import Visit

FILE = Path(__file__).parents[2] / "models" / "ava" / "catalog.json"
NONE = "none"
"""The pseudo-friction under which a visit without a friction is decided on."""
NO_OP = "no_op"
_OPS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Friction:
    """A friction, with the terms that must all hold: a feature, how it is compared, and a float32."""

    id: str
    category: str
    severity: float
    confidence: float
    terms: tuple[tuple[Feature, Callable[[float, float], bool], float], ...]
    actions: tuple[str, ...]


def detected(visit: Visit, now: int) -> list[Friction]:
    """The frictions that a visit shows, every term of which holds, by falling severity, then by id."""
    found = []
    for one in _ON_PAGE[visit.page_type]:
        for feature, compare, value in one.terms:
            if not compare(feature(visit, now), value):
                break
        else:
            found.append(one)
    return found


def actions_of(friction: str, tier: int) -> list[str]:
    """The actions of exactly this tier for a friction, in the order of their arms' ids."""
    named = _DOCUMENT["none"] if friction == NONE else BY_ID[friction].actions
    return sorted(action for action in named if action.startswith(f"{TIERS[tier].lower()}_"))


def _may_show_on(entry: dict[str, Any], page_type: str) -> bool:
    """Whether no term asks for another page type: most frictions of one are not looked at on another."""
    pages = {name for name, op, value in entry["when"] if name.startswith("page_type.") and (op, value) == ("==", 1)}
    return pages <= {f"page_type.{page_type}"}


def _friction(entry: dict[str, Any]) -> Friction:
    return Friction(
        id=entry["id"],
        category=entry["category"],
        severity=entry["severity"],
        confidence=entry["confidence"],
        terms=tuple((AT_MOMENT[name], _OPS[op], float32(value)) for name, op, value in entry["when"]),
        actions=tuple(entry["actions"]),
    )


_DOCUMENT = json.loads(FILE.read_text())
_ENTRIES = sorted(_DOCUMENT["frictions"], key=lambda entry: (-entry["severity"], entry["id"]))
BY_ID = {entry["id"]: _friction(entry) for entry in _ENTRIES}
_ON_PAGE = {page: [BY_ID[entry["id"]] for entry in _ENTRIES if _may_show_on(entry, page)] for page in PAGE_TYPES}
HASH = hashlib.sha256(json.dumps(_DOCUMENT, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]
"""Names the catalog: SHA-256 of its JSON with sorted keys and no spaces."""
