"""The catalog of frictions: data, checked when it is loaded, compiled to flat arrays for the kernel.

A friction is detected where every term `[feature, op, value]` of its `when` holds. Values are compared as float32, as
features are: a share of exactly 0.2 is not above 0.2.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from models.actions import PASSIVE, TIER_OF_ACTION
from models.ava.catalog_check import OPS, CatalogError, problems
from models.ava.categories import CATEGORIES, LAST_FRICTION
from models.ava.history import NO_FRICTION, friction_number
from models.behaviour.moment import INPUT_PLACE

HASH_CHARACTERS = 16
CERTAIN = 1.0


class Term(NamedTuple):
    """One condition on an input of the visit."""

    feature: str
    op: str
    value: float


@dataclass(frozen=True)
class Friction:
    """A friction: severity 0-100, confidence of its mapping to features 0-1, what may be done about it.

    `sensitive`: touches demographics, accessibility or fraud.
    """

    id: str
    category: str
    severity: int
    confidence: float
    name: str
    when: tuple[Term, ...]
    actions: tuple[str, ...]
    sensitive: bool

    @cached_property
    def number(self) -> int:
        """89 for F089."""
        return friction_number(self.id)


def severest_first(friction: Friction) -> tuple[int, str]:
    """The order of frictions: by falling severity, then by id."""
    return -friction.severity, friction.id


class CompiledCatalog(NamedTuple):
    """The c frictions by falling severity, then by id, with their t terms one after the other.

    number int16[c], category int16[c], severity float64[c], confidence float64[LAST_FRICTION + 1] by number (1 where
    the catalog has none), first int32[c + 1]: places of a friction's terms; place int32[t]: the input's column,
    op uint8[t]: place in OPS, value float32[t].
    """

    number: npt.NDArray[np.int16]
    category: npt.NDArray[np.int16]
    severity: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float64]
    first: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]
    op: npt.NDArray[np.uint8]
    value: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Catalog:
    """Frictions by falling severity, then by id; `none`: passive actions for a visit without one; `hash` names it."""

    frictions: tuple[Friction, ...]
    none: tuple[str, ...]
    hash: str

    @cached_property
    def by_number(self) -> dict[int, Friction]:
        """The frictions by number."""
        return {friction.number: friction for friction in self.frictions}

    def actions(self, number: int, tier: int) -> tuple[str, ...]:
        """The actions of exactly this tier for a friction, by name; of the passive set for the pseudo-friction."""
        if number == NO_FRICTION:
            return tuple(sorted(self.none)) if tier == PASSIVE else ()
        return tuple(sorted(a for a in self.by_number[number].actions if TIER_OF_ACTION[a] == tier))

    def category(self, number: int) -> str:
        """A friction's category; empty for the pseudo-friction."""
        return self.by_number[number].category if number != NO_FRICTION else ""

    @cached_property
    def compiled(self) -> CompiledCatalog:
        """The catalog as the kernel takes it."""
        names = list(CATEGORIES)
        terms = [term for friction in self.frictions for term in friction.when]
        confidence = np.full(LAST_FRICTION + 1, CERTAIN)
        for friction in self.frictions:
            confidence[friction.number] = friction.confidence
        return CompiledCatalog(
            np.array([friction.number for friction in self.frictions], np.int16),
            np.array([names.index(friction.category) for friction in self.frictions], np.int16),
            np.array([friction.severity for friction in self.frictions], np.float64),
            confidence,
            np.cumsum([0, *(len(friction.when) for friction in self.frictions)], dtype=np.int32),
            np.array([INPUT_PLACE[term.feature] for term in terms], np.int32),
            np.array([OPS.index(term.op) for term in terms], np.uint8),
            np.array([term.value for term in terms], np.float32),
        )


def catalog_from(document: Any) -> Catalog:
    """The catalog a JSON document holds. Raises CatalogError naming everything that is wrong with it."""
    found = problems(document)
    if found:
        raise CatalogError(f"found {len(found)} problems in the catalog; correct each:\n  " + "\n  ".join(found))
    frictions = (
        Friction(
            id=entry["id"],
            category=entry["category"],
            severity=entry["severity"],
            confidence=float(entry["confidence"]),
            name=entry["name"],
            when=tuple(Term(feature, op, float(value)) for feature, op, value in entry["when"]),
            actions=tuple(entry["actions"]),
            sensitive=entry["sensitive"],
        )
        for entry in document["frictions"]
    )
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:HASH_CHARACTERS]
    return Catalog(tuple(sorted(frictions, key=severest_first)), tuple(document["none"]), digest)


@lru_cache(maxsize=1)
def installed_catalog() -> Catalog:
    """The catalog of the package, loaded once. Raises CatalogError where it does not hold."""
    return catalog_from(json.loads(resources.files("models.ava").joinpath("catalog.json").read_text("utf-8")))
