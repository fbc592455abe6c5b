"""What is kept of arm-posterior, and when a decider must look again."""

from __future__ import annotations

from models.ava.catalog import installed_catalog
from models.ava.deciding import Decider, Policy
from models.ava.draws import Draws
from models.bandit.posterior import Posterior
from models.live.arm_book import ArmBook
from tests.models.ava.cases import FREE, MASTER, evaluations, row_of

ARM = "a:shop:F028:nudge_suggestion"
REFINED = row_of({"search_refinements": 2, "page_type.category": 0, "page_type.search_results": 1})


def record(arm_id: str) -> dict[str, object]:
    """Of arm-posterior."""
    return {"arm_id": arm_id, "site_id": "shop", "n": 50, "reward_sum": 45.0, "reward_sum_sq": 41.0}


def test_an_arm_of_a_decision_is_learned_and_forgotten() -> None:
    """What a site's decisions choose by is made anew when one of its posteriors changes."""
    decider = Decider(Policy(installed_catalog()), Draws(MASTER))
    book = ArmBook(decider, frozen=False)
    first = decider.decide(evaluations(REFINED), [FREE], book).conclusions[0].choice
    book.apply(ARM, record(ARM), 3)
    assert dict(book) == {ARM: Posterior(50, 45.0, 41.0, 3)}
    second = decider.decide(evaluations(REFINED), [FREE], book).conclusions[0].choice
    assert second.propensities[2] > first.propensities[2]
    book.apply(ARM, None, 4)
    assert not book
    third = decider.decide(evaluations(REFINED), [FREE], book).conclusions[0].choice
    assert third.propensities == first.propensities


def test_an_arm_of_a_container_is_left_out() -> None:
    """No decision asks for it, and the site's choices are kept."""
    decider = Decider(Policy(installed_catalog()), Draws(MASTER))
    book = ArmBook(decider, frozen=False)
    kept = decider.decide(evaluations(REFINED), [FREE], book).conclusions[0].choice
    for told in (record("c:shop:hero"), None):
        book.apply("c:shop:hero", told, 3)
    assert not book
    assert decider.decide(evaluations(REFINED), [FREE], book).conclusions[0].choice is kept
