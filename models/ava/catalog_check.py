"""What is wrong with a catalog of frictions: every problem, in words."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from models.actions import PASSIVE, TIER_OF_ACTION
from models.ava.actions import PRICE_AND_SCARCITY
from models.ava.categories import ANCHORS, CATEGORIES, FIRST_FRICTION, LAST_FRICTION, SENSITIVE_CATEGORIES
from models.behaviour.moment import INPUT_PLACE
from schemas.errors import LamstreamError

OPS = ("<", "<=", ">", ">=", "==", "!=")
RAISED_FRICTIONS = ("F094", "F089", "F212")
"""The frictions gate 2 names for a payment failed, a checkout idle and a search for help; a catalog needs them."""
ID = re.compile(r"F\d{3}")
FIELDS = {
    "id": str,
    "category": str,
    "severity": int,
    "confidence": (int, float),
    "name": str,
    "when": list,
    "actions": list,
    "sensitive": bool,
}


class CatalogError(LamstreamError):
    """A catalog does not hold; the message names every problem."""


def problems(document: Any) -> list[str]:
    """Everything that is wrong with a JSON document that should be a catalog; empty where nothing is."""
    if not (isinstance(document, dict) and all(isinstance(document.get(key), list) for key in ("frictions", "none"))):
        return ['found no object with the lists "frictions" and "none"; expected a catalog']
    found = [problem for at, entry in enumerate(document["frictions"]) for problem in _of_entry(at, entry)]
    ids = [str(entry.get("id")) for entry in document["frictions"] if isinstance(entry, dict)]
    found += [f"{one}: found {times} times; expected once" for one, times in Counter(ids).items() if times > 1]
    found += [f"{one}: found nowhere; gate 2 names it" for one in RAISED_FRICTIONS if one not in ids]
    found += [f"none: {problem}" for problem in _of_actions(document["none"])]
    found += [
        f"none: found action {action}; expected passive ones, since without a friction there is nothing above PASSIVE"
        for action in document["none"]
        if _tier(action) not in (None, PASSIVE)
    ]
    return found


def _of_entry(at: int, entry: Any) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"friction {at}: found {entry!r}; expected an object"
        return
    where = str(entry.get("id", f"friction {at}"))
    unknown = sorted(set(entry) - set(FIELDS))
    ill = [name for name, kind in FIELDS.items() if not _is_a(entry.get(name), kind)]
    if ill or unknown:
        yield from (f"{where}: found {name} = {entry.get(name)!r}; expected {FIELDS[name]}" for name in ill)
        yield from (
            f"{where}: found field {name}; expected only {', '.join(FIELDS)}" for name in set(entry) - {*FIELDS}
        )
        return
    problems = (*_of_id(entry), *_of_numbers(entry), *_of_terms(entry["when"]), *_of_actions(entry["actions"]))
    yield from (f"{where}: {problem}" for problem in (*problems, *_of_sensitivity(entry)))


def _is_a(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _of_id(entry: dict[str, Any]) -> Iterator[str]:
    number = int(entry["id"][1:]) if ID.fullmatch(entry["id"]) else 0
    if not FIRST_FRICTION <= number <= LAST_FRICTION:
        yield f"found this id; expected one of F{FIRST_FRICTION:03d}-F{LAST_FRICTION}"
    category = CATEGORIES.get(entry["category"])
    if category is None:
        yield f"found category {entry['category']!r}; expected one of {', '.join(CATEGORIES)}"
    elif number and not category.first <= number <= category.last:
        held = f"F{category.first:03d}-F{category.last:03d}"
        yield f"found it in category {entry['category']}; expected there only {held}"


def _of_numbers(entry: dict[str, Any]) -> Iterator[str]:
    severity, category = entry["severity"], CATEGORIES.get(entry["category"])
    if category is not None and not category.mildest <= severity <= category.severest:
        band = f"{category.mildest}-{category.severest}"
        yield f"found severity {severity}; expected {band}, the band of {entry['category']}"
    anchor = ANCHORS.get(entry["id"], severity)
    if severity != anchor:
        yield f"found severity {severity}; expected {anchor}, which is given"
    if not 0 <= entry["confidence"] <= 1:
        yield f"found confidence {entry['confidence']}; expected 0 to 1"


def _of_terms(terms: list[Any]) -> Iterator[str]:
    if not terms:
        yield "found no terms; expected at least one, or it would always hold"
    for term in terms:
        if not (isinstance(term, list) and len(term) == 3 and _is_a(term[2], (int, float))):
            yield f"found term {term!r}; expected [feature, op, number]"
            continue
        feature, op, value = term
        if not isinstance(feature, str) or feature not in INPUT_PLACE:
            yield f"found feature {feature!r}; expected one of the inputs of models.behaviour.moment"
        if op not in OPS:
            yield f"found op {op!r}; expected one of {' '.join(OPS)}"
        if not math.isfinite(value):
            yield f"found value {value}; expected a finite number"


def _of_actions(actions: list[Any]) -> Iterator[str]:
    if not actions:
        yield "found no actions; expected at least one"
    for action in actions:
        if _tier(action) is None:
            yield f"found action {action!r}; expected one of {', '.join(TIER_OF_ACTION)}"
    if len(set(map(str, actions))) < len(actions):
        yield "found an action twice; expected each once"


def _of_sensitivity(entry: dict[str, Any]) -> Iterator[str]:
    if entry["category"] in SENSITIVE_CATEGORIES and not entry["sensitive"]:
        yield f"found sensitive = false; expected true in category {entry['category']}"
    if entry["sensitive"]:
        for action in entry["actions"]:
            if isinstance(action, str) and action in PRICE_AND_SCARCITY:
                yield f"found action {action} for a sensitive friction; expected help, never price or scarcity"


def _tier(action: Any) -> int | None:
    return TIER_OF_ACTION.get(action) if isinstance(action, str) else None
