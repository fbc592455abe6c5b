"""`lam state`: what workers keep, as their changelogs hold it."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Table

from agents.states import LAYOUTS
from schemas.errors import LamstreamError
from services.changelogs import ChangelogSize, entries, readable, sizes
from services.filters import condition
from topics.settings import load_settings

state = typer.Typer(help="Look at what workers keep, as their changelogs hold it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(metavar="STATE", help=f"One of {', '.join(LAYOUTS)}.")]


class NoSuchKey(LamstreamError):
    """The state holds no such key."""


@state.command("list")
def list_states(as_json: AsJson = False) -> None:
    """List states with keys, changelog records and bytes, by partition. Reads every changelog whole."""
    settings = load_settings()
    found = [size for name in LAYOUTS for size in sizes(settings, name)]
    if as_json:
        print(json.dumps([readable(size._asdict() | {"watermark_at": size.watermark}) for size in found]))
        return
    Console().print(_table(found))


@state.command("show")
def show(name: Name, key: str, as_json: AsJson = False) -> None:
    """Show the row or record of one key by the names of its fields; times are UTC."""
    found = next(entries(load_settings(), name, key), None)
    if found is None:
        raise NoSuchKey(f"state {name} holds no key {key!r}; `lam state keys {name}` lists which it holds")
    if as_json:
        print(json.dumps({"partition": found.partition, "key": key, "fields": readable(found.fields)}))
        return
    print(f"{name} {key}, partition {found.partition}")
    for field, value in readable(found.fields).items():
        print(f"  {field:32} {value if isinstance(value, str) else json.dumps(value)}")


@state.command("keys")
def keys(
    name: Name,
    where: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Only where FIELD=VALUE holds; dotted paths, also != > >= < <=. Repeat for several."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Stop after so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List keys of a state, partition by partition, as they come."""
    conditions = [condition(one) for one in where or []]
    found = (one for one in entries(load_settings(), name) if all(holds(one.fields) for holds in conditions))
    for one in islice(found, limit):
        print(json.dumps({"partition": one.partition, "key": one.key}) if as_json else one.key)


def _table(found: list[ChangelogSize]) -> Table:
    table = Table(title="changelogs")
    for name in ("state", "partition", "keys", "records", "bytes", "watermark"):
        table.add_column(name, justify="left" if name == "state" else "right")
    for size in found:
        numbers = [f"{number:,}" for number in (size.keys, size.log_records, size.log_bytes)]
        watermark = readable({"watermark_at": size.watermark})["watermark_at"]
        table.add_row(size.state, str(size.partition), *numbers, "" if watermark is None else str(watermark))
    return table
