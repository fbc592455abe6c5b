"""`lam topics`: the table of topics, on paper and on the broker."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from topics.admin import TopicReport, refuse_missing_or_different, report
from topics.admin import apply as apply_table
from topics.settings import load_settings
from topics.table import TOPICS

topics = typer.Typer(help="Create, list and check the topics of the table.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@topics.command("apply")
def apply(as_json: AsJson = False) -> None:
    """Create the topics that are missing; refuse where one differs from the table."""
    created = [one.name for one in apply_table(load_settings())]
    if as_json:
        print(json.dumps({"created": created}))
    else:
        print("\n".join(f"created {name}" for name in created) or "every topic is there")


@topics.command("list")
def list_table(as_json: AsJson = False) -> None:
    """Show the table, without asking a broker."""
    rows = [
        {
            "topic": spec.name,
            "key": spec.key,
            "record": spec.record,
            "kept": spec.kept,
            "what": spec.doc,
        }
        for spec in TOPICS.values()
    ]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(str(value or "") for value in row.values()))
    Console().print(table)


@topics.command("check")
def check(as_json: AsJson = False) -> None:
    """Compare the broker's topics with the table; exit status 2 where one is missing or differs."""
    found = report(load_settings())
    if as_json:
        print(json.dumps([one._asdict() for one in found]))
    else:
        print("\n".join(_line(one) for one in found))
    refuse_missing_or_different(found)


def _line(one: TopicReport) -> str:
    return f"{one.state:8} {one.name}" + "".join(f"\n           {difference}" for difference in one.differences)
