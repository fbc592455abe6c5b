"""`lam decision`: what was decided and why, and the same decided again."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console

from models.ava.catalog import installed_catalog
from models.ava.deciding import Policy
from models.ava.draws import Draws, master_key
from models.ava.replay import ReplayRefused, differences, redecide
from schemas.errors import LamstreamError
from services.cli.decision_text import decision_text
from services.decisions import decisions
from topics.errors import ConfigurationError
from topics.settings import Settings, load_settings

decision = typer.Typer(help="Show decisions, and decide them again.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DIFFERENCES_SHOWN = 20
BEGINNING = "beginning"


class NoSuchDecision(LamstreamError):
    """The topic holds no decision of that id."""


@decision.command("show")
def show(identifier: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one decision: signals, gates, arms with propensities, draw and versions."""
    settings = load_settings()
    found = next((record for record in decisions(settings) if record["decision_id"] == identifier), None)
    if found is None:
        raise NoSuchDecision(
            f"found no decision {identifier!r} in topic {settings.prefix}decision; expected an id as in its field "
            "decision_id (session:visit_started_at:number)"
        )
    if as_json:
        print(json.dumps(found))
        return
    Console().print(decision_text(found, installed_catalog()))


@decision.command("replay")
def replay(
    start: Annotated[str, typer.Option("--from", help="Where to begin: beginning.")] = BEGINNING,
    limit: Annotated[int | None, typer.Option(min=1, help="Decide at most so many.")] = None,
    bound: Annotated[float, typer.Option(help="How far, 0-100, the scorer might move a signal.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Decide again every decision of the topic; exit status 1 where one differs or cannot be decided again.

    With LAM_MASTER_KEY each draw is made again too.
    """
    if start != BEGINNING:
        raise ConfigurationError(f"--from is {start!r}; expected {BEGINNING}")
    settings = load_settings()
    told = _replayed(settings, limit, Policy(installed_catalog(), bound=bound))
    if as_json:
        print(json.dumps(told))
    else:
        print("\n".join(_lines(told)))
    if told["differing"] or told["refused"]:
        raise typer.Exit(1)


def _replayed(settings: Settings, limit: int | None, policy: Policy) -> dict[str, Any]:
    key = settings.master_key
    draws = Draws(master_key(key.get_secret_value())) if key is not None else None
    results: Counter[str] = Counter()
    found: list[str] = []
    counts = {"decisions": 0, "differing": 0, "refused": 0}
    for record in islice(decisions(settings), limit):
        counts["decisions"] += 1
        results[record["result"]] += 1
        try:
            differing = differences(record, redecide(record, policy, draws))
        except ReplayRefused as error:
            counts["refused"] += 1
            found.append(str(error))
            continue
        counts["differing"] += bool(differing)
        found += [f"decision {record['decision_id']}: {one}" for one in differing]
    draws_again = "made again" if draws is not None else "as recorded (LAM_MASTER_KEY is not set)"
    return {**counts, "results": dict(results), "draws": draws_again, "differences": found[:DIFFERENCES_SHOWN]}


def _lines(told: dict[str, Any]) -> list[str]:
    results = ", ".join(f"{count} {result}" for result, count in sorted(told["results"].items()))
    return [
        f"{told['decisions']} decisions decided again ({results or 'none'}); draws {told['draws']}",
        f"{told['differing']} differ, {told['refused']} could not be decided again",
        *told["differences"],
    ]
