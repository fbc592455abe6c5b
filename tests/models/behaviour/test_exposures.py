"""Containers a visit saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.behaviour.exposures import EXPOSURE
from models.behaviour.layout import CONTAINER_DTYPE
from tests.models.behaviour.events import event
from tests.models.behaviour.replay import Partition


def page(at_s: float, *containers: str, **more: Any) -> dict[str, Any]:
    return event(
        type="page_view", at_s=at_s, containers=list(containers), **{"page_id": f"p{at_s}", "tab_id": "t"} | more
    )


def credited(*events: dict[str, Any]) -> dict[str, float]:
    """The containers credited when the visit has closed, with the offset of their exposure in s."""
    row = closed(*events)
    places = np.flatnonzero(row["seen_credited"])
    return {row["container"][k].decode(): row["seen_at"][k] / 1_000 for k in places}


def closed(*events: dict[str, Any]) -> Any:
    partition = Partition()
    rows: list[Any] = []
    keep = partition._keep
    partition._keep = lambda folded: (rows.extend(folded.closed), keep(folded))  # type: ignore[method-assign, assignment, func-returns-value]
    partition.take(list(events)).advance(events[-1]["occurred_at"] + 3_600_000)
    (row,) = rows
    return row


@pytest.mark.parametrize(("until_s", "seen"), [(0.9, {}), (1.0, {"c": 0.0})])
def test_a_second_in_view_credits(until_s: float, seen: dict[str, float]) -> None:
    """To the tab's next page view."""
    assert credited(page(0, "c"), page(until_s)) == seen


def test_a_ping_ends_a_view_in_its_own_tab_alone() -> None:
    """What another tab does says nothing of this one; the end of the visit does."""
    ping = event(type="page_ping", at_s=0.5, tab_id="t")
    assert credited(page(0, "c"), ping) == {}
    assert credited(page(0, "c"), ping | {"tab_id": "u"}, event(type="click", at_s=3, tab_id="u")) == {"c": 0.0}


def test_a_container_is_credited_once_from_its_first_sufficient_view() -> None:
    """Seen too shortly at first, it counts from when it was seen long enough."""
    assert credited(page(0, "c"), page(0.5), page(10, "c"), page(20, "c"), page(30)) == {"c": 10.0}


@pytest.mark.parametrize(("second_s", "seen"), [(0.5, {"c": 0.5}), (0.999, {"c": 0.999}), (1.0, {"c": 0.0})])
def test_the_newer_of_two_tabs_takes_over_what_is_not_credited_yet(second_s: float, seen: dict[str, float]) -> None:
    """The first tab is left just after: unless it has had its second, the container counts from the second tab's."""
    first, second = page(0, "c"), page(second_s, "c", tab_id="u")
    left = page(second_s + 0.0005)
    assert credited(first, second, left, page(20, tab_id="u")) == seen
    assert credited(first, second, left, page(second_s + 0.9, tab_id="u")) == (seen if seen == {"c": 0.0} else {})


def test_an_older_view_that_comes_late_takes_nothing_over() -> None:
    """By the event's time, not by its arrival."""
    assert credited(page(0), page(5, "c"), page(4.5, "c", tab_id="u"), page(4.8, tab_id="u"), page(9)) == {"c": 5.0}


def test_what_follows_counts_since_the_exposure() -> None:
    """Dwell, scroll, pages and orders from the exposure on, each container for itself."""
    row = closed(
        page(0, "a", dwell_s=1.0),
        page(10, "b", dwell_s=2.0, scroll_depth=0.5),
        event(type="purchase", order_id="o", at_s=20, dwell_s=4.0, scroll_depth=0.2),
        page(30),
    )
    assert row["seen_dwell_s"][:2].tolist() == [6.0, 4.0]
    assert row["seen_pages"][:2].tolist() == [2, 1]
    assert row["seen_orders"][:2].tolist() == [1, 1]
    assert row["seen_scroll"][:2].tolist() == [0.5, np.float32(0.2)]


def test_what_the_page_tells_of_an_intervention_adds_nothing() -> None:
    """Neither dwell nor scroll of an intervention_shown is the container's."""
    shown = event(type="intervention_shown", at_s=5, dwell_s=4.0, scroll_depth=0.9, tab_id="t")
    row = closed(page(0, "a", dwell_s=1.0), shown, page(10))
    assert (row["seen_dwell_s"][0], row["seen_scroll"][0]) == (0.0, 0.0)


def test_at_most_eight_are_remembered() -> None:
    """Page views of the others are counted."""
    row = closed(page(0, *(f"c{k}" for k in range(11))), page(5))
    assert row["containers"] == EXPOSURE.containers
    assert row["containers_beyond"] == 3


def test_what_is_not_remembered_is_counted_by_page_view() -> None:
    """A ninth container viewed twice is two views."""
    row = closed(page(0, *(f"c{k}" for k in range(9))), page(5, "c8"), page(9, "c0"))
    assert (row["containers"], row["containers_beyond"]) == (EXPOSURE.containers, 2)


def test_ids_of_any_bytes_keep_apart() -> None:
    """Ids that share a beginning, and the longest there may be."""
    width = np.dtype(CONTAINER_DTYPE).itemsize
    names = ["é" * 20, "x" * width, "x" * (width - 1)]
    assert set(credited(page(0, *names), page(5))) == set(names)
