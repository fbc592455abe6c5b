"""What the shop says of itself, against what was read from the topics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas.errors import LamstreamError
from schemas.vocabulary import TIERS
from services.demo.watch import Seen
from services.shop import TOTALS, VISITS

FORGOTTEN = "withdrawn"
"""Visits of whom nothing is kept, a reward that was open included: they took back their consent."""


class Disagreement(LamstreamError):
    """The topics hold other than what the shop says is true."""


def agreement(folder: Path, seen: Seen) -> dict[str, Any]:
    """What is true by the shop's files in `folder`.

    Raises Disagreement, naming every figure that the topics show otherwise.
    """
    totals = json.loads((folder / TOTALS).read_text(encoding="utf-8"))
    sites = totals["sites"].values()
    true = {
        "events": sum(totals["session_events"].values()),
        "folded": sum(site["folded"] for site in sites),
        "unconsented": sum(site["unconsented"] for site in sites),
        "sessions": sum(site["visits"] for site in sites),
        "orders": sum(site["orders"] for site in sites),
        "tuples": totals["expected_tuples"],
    }
    found = {
        "events": seen.events,
        "folded": seen.folded,
        "unconsented": seen.unconsented,
        "sessions": seen.visits,
        "orders": seen.orders,
        "tuples": len(seen.tuples),
    }
    wrong = [
        f"{name}: the shop says {said}, the topics {found[name]}" for name, said in true.items() if said != found[name]
    ]
    wrong += _of_rewards(seen, _sessions(folder, FORGOTTEN))
    wrong += _of_tuples(seen)
    wrong += [f"{number} records of {topic} read twice" for topic, number in seen.doubled.items() if number]
    wrong += [f"no intervention of tier {tier}" for tier in TIERS[1:] if not seen.interventions[tier]]
    if wrong:
        raise Disagreement("; ".join(wrong) + f"; the shop's truth is in {folder}")
    return totals  # type: ignore[no-any-return]


def _of_rewards(seen: Seen, forgotten: set[str]) -> list[str]:
    unrewarded = {one for one, session in seen.decisions.items() if session not in forgotten} - seen.rewarded
    undecided = seen.rewarded - seen.decisions.keys()
    return [
        *([f"{len(unrewarded)} decisions without a reward, like {min(unrewarded)}"] if unrewarded else []),
        *([f"{len(undecided)} rewards without a decision, like {min(undecided)}"] if undecided else []),
    ]


def _of_tuples(seen: Seen) -> list[str]:
    open_ones = seen.tuples.keys() - seen.final
    return [f"{len(open_ones)} tuples without a final revision, like {min(open_ones)}"] if open_ones else []


def _sessions(folder: Path, consent: str) -> set[str]:
    with (folder / VISITS).open(encoding="utf-8") as lines:
        visits = (json.loads(line) for line in lines)
        return {visit["session_id"] for visit in visits if visit["consent"] == consent}
