"""The catalog of frictions: what is shipped, and what is refused with every problem named."""

from __future__ import annotations

import copy
import json
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest

from models.actions import ACTIONS_BY_TIER, ACTIVE, ESCALATE, NUDGE, PASSIVE
from models.ava.actions import PRICE_AND_SCARCITY
from models.ava.catalog import catalog_from, installed_catalog
from models.ava.catalog_check import CatalogError
from models.ava.categories import ANCHORS, CATEGORIES

SHIPPED: dict[str, Any] = json.loads(resources.files("models.ava").joinpath("catalog.json").read_text("utf-8"))


def changed(identifier: str, **fields: Any) -> dict[str, Any]:
    """The shipped document with fields of one entry changed."""
    document = copy.deepcopy(SHIPPED)
    next(entry for entry in document["frictions"] if entry["id"] == identifier).update(fields)
    return document


def test_what_is_shipped_holds() -> None:
    """At least 24 frictions with the given severities; every tier has an action for the most severe ones."""
    catalog = installed_catalog()
    assert len(catalog.frictions) >= 24
    severities = {friction.id: friction.severity for friction in catalog.frictions}
    assert severities.items() >= ANCHORS.items()
    for number in (89, 68, 28):
        assert all(catalog.actions(number, tier) for tier in (PASSIVE, NUDGE, ACTIVE, ESCALATE))
    for number in (94, 212):
        assert all(catalog.actions(number, tier) for tier in (PASSIVE, NUDGE, ACTIVE, ESCALATE))
    assert catalog.actions(0, PASSIVE)
    assert not catalog.actions(0, NUDGE)
    assert any(friction.confidence < 0.75 for friction in catalog.frictions)
    for friction in catalog.frictions:
        assert not friction.sensitive or not PRICE_AND_SCARCITY & set(friction.actions)


def test_categories_follow_each_other_without_a_gap() -> None:
    """25 of them, F001 to F325."""
    ends = [(category.first, category.last) for category in CATEGORIES.values()]
    assert len(ends) == 25
    assert (ends[0][0], ends[-1][1]) == (1, 325)
    assert all(before[1] + 1 == after[0] for before, after in pairwise(ends))


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (changed("F028", when=[["no_such", ">", 1]]), "F028: found feature 'no_such'"),
        (changed("F028", when=[["pages", "=>", 1]]), "F028: found op '=>'"),
        (changed("F028", when=[["pages", ">"]]), "F028: found term"),
        (changed("F028", when=[]), "F028: found no terms"),
        (changed("F028", actions=["nudge_nothing"]), "F028: found action 'nudge_nothing'"),
        (changed("F028", actions=[]), "F028: found no actions"),
        (changed("F028", actions=["active_chat", "active_chat"]), "F028: found an action twice"),
        (changed("F029", id="F400"), "F400: found this id"),
        (changed("F029", id="F000"), "F000: found this id"),
        (changed("F029", id="F028"), "F028: found 2 times"),
        (changed("F029", category="cart"), r"F029: found it in category cart; expected there only F068-F088"),
        (changed("F029", category="nothing"), "F029: found category 'nothing'"),
        (changed("F029", severity=66), "F029: found severity 66; expected 45-65"),
        (changed("F028", severity=64), "F028: found severity 64; expected 65, which is given"),
        (changed("F028", confidence=1.5), "F028: found confidence 1.5"),
        (changed("F028", sensitive=1), "F028: found sensitive = 1"),
        (changed("F028", extra=1), "F028: found field extra"),
        (changed("F278", sensitive=False), "F278: found sensitive = false"),
        (
            changed("F278", actions=["active_discount_offer"]),
            "F278: found action active_discount_offer for a",
        ),
        ({**SHIPPED, "none": ["nudge_suggestion"]}, "none: found action nudge_suggestion"),
        ({**SHIPPED, "frictions": SHIPPED["frictions"][:3]}, "F094: found nowhere; gate 2 names it"),
        ({**SHIPPED, "frictions": [3]}, "friction 0: found 3"),
        ([], "found no object"),
    ],
)
def test_what_is_wrong_is_named(document: Any, problem: str) -> None:
    """An unknown id, feature, op or action is an error, never a default."""
    with pytest.raises(CatalogError, match=problem):
        catalog_from(document)


def test_every_problem_is_named_not_the_first() -> None:
    """One run tells all there is to correct."""
    document = changed("F028", severity=99, when=[["no_such", "~", 1]], actions=["nothing"])
    with pytest.raises(CatalogError) as refused:
        catalog_from(document)
    assert all(word in str(refused.value) for word in ("severity 99", "'no_such'", "'~'", "'nothing'"))


def test_the_hash_names_the_content() -> None:
    """16 hex digits; the order of keys does not count, a severity does."""
    reordered = [dict(reversed(entry.items())) for entry in SHIPPED["frictions"]]
    assert catalog_from({**SHIPPED, "frictions": reordered}).hash == installed_catalog().hash
    assert catalog_from(changed("F029", severity=51)).hash != installed_catalog().hash
    assert len(bytes.fromhex(installed_catalog().hash)) == 8


def test_every_action_suits_some_friction() -> None:
    """An action no friction lists could never be taken; scarcity alone needs evidence that is not there yet."""
    used = {action for friction in installed_catalog().frictions for action in friction.actions}
    known = {action for actions in ACTIONS_BY_TIER.values() for action in actions}
    assert known - used == {"passive_stock_urgency"}
