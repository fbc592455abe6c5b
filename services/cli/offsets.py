"""`lam offsets`: where the workers' group stands on what it reads, and how to set it elsewhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from topics.errors import ConfigurationError
from topics.group_offsets import GroupOffset, group_offsets, topics_now
from topics.offset_checks import TopicNow
from topics.resetting import (
    Move,
    ResetRefused,
    named_places,
    plan,
    refuse_half_a_group,
    reset,
    states_of,
    target,
)
from topics.settings import Settings, load_settings

offsets = typer.Typer(help="Show and set the offsets of the workers' group.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@offsets.command("show")
def show(as_json: AsJson = False) -> None:
    """Show committed offset, log, lag and note of every partition that agents read, and what is strange about it.

    What would stop a worker is marked with !, what only people should know with ?.
    """
    settings = load_settings()
    found = group_offsets(settings)
    topics = topics_now(settings, {one.topic for one in found})
    if as_json:
        told = [_told(one, topics[one.topic]) for one in found]
        print(json.dumps({"group": settings.group_id, "partitions": told}))
        return
    _print_offsets(settings, found, topics)


@offsets.command("reset")
def reset_offsets(
    places: Annotated[list[str], typer.Argument(metavar="TOPIC[:PARTITION]...", help="Without LAM_PREFIX.")],
    to: Annotated[
        str,
        typer.Option(
            help="beginning, end, current (where it stands: agrees to a topic that changed), an offset, or a time "
            "(ISO 8601; the first record at or after it)."
        ),
    ],
    keep_state: Annotated[bool, typer.Option("--keep-state", help="Leave state as it is.")] = False,
    empty_state: Annotated[
        bool, typer.Option("--empty-state", help="Delete every key of the state, in the same transaction.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set where the group goes on. Every worker must be stopped.

    With --keep-state, records read again count twice in state. Records skipped are lost, whatever becomes of state.
    Where agents keep state of a topic, one of --keep-state and --empty-state must be given.
    """
    settings = load_settings()
    named = list(named_places(places))
    moves = plan(settings, named, target(to))
    states = states_of(topic for topic, _ in named)
    _refuse_undecided(states, keep_state, empty_state)
    if empty_state:
        refuse_half_a_group(settings, moves)
    if not as_json:
        _print_moves(moves, states, empty_state)
    deleted: dict[str, int] | None = None
    if not dry_run:
        if not yes:
            typer.confirm("Set these offsets?", abort=True, err=True)
        deleted = reset(settings, moves, states if empty_state else ())
    if as_json:
        print(json.dumps({"group": settings.group_id, "done": not dry_run, **_told_moves(moves, deleted)}))
    else:
        print("nothing was changed" if dry_run else "done" + "".join(_deletions(deleted or {})))


def _refuse_undecided(states: Sequence[str], keep: bool, empty: bool) -> None:
    if keep and empty:
        raise ConfigurationError("found --keep-state and --empty-state; expected one of them")
    if states and not keep and not empty:
        raise ResetRefused(
            f"state {', '.join(states)} is made of these topics: say --keep-state (records read again count twice in "
            "it) or --empty-state (it begins anew with what is read from there); nothing was changed"
        )


def _told(one: GroupOffset, now: TopicNow) -> dict[str, Any]:
    strange = one.strange(now)
    return {
        "topic": one.topic,
        "partition": one.partition,
        "committed": one.committed,
        **one.log._asdict(),
        "lag": one.lag,
        "note": _note(one.metadata),
        "strange": None if strange is None else strange.what.value,
        "stops": strange is not None and strange.what.stops,
        "message": None if strange is None else strange.message,
    }


def _note(metadata: str) -> Any:
    try:
        return json.loads(metadata)
    except (ValueError, RecursionError):
        return metadata or None


def _print_offsets(settings: Settings, found: Sequence[GroupOffset], topics: dict[str, TopicNow]) -> None:
    table = Table(title=f"group {settings.group_id}")
    for name in ("topic", "partition", "committed", "start", "stable end", "end", "lag", "note", ""):
        table.add_column(name, justify="left" if name in ("topic", "note", "") else "right")
    messages: dict[str, None] = {}
    for one in found:
        strange = one.strange(topics[one.topic])
        mark = "" if strange is None else "!" if strange.what.stops else "?"
        if strange is not None:
            messages[f"{mark} {strange.message}"] = None
        committed = "nothing" if one.committed is None else f"{one.committed:,}"
        numbers = [f"{number:,}" for number in (*one.log, one.lag)]
        table.add_row(one.topic, str(one.partition), committed, *numbers, one.metadata, mark)
    Console().print(table)
    print("\n".join(messages) if messages else "nothing is strange")


def _print_moves(moves: Sequence[Move], states: Sequence[str], empty: bool) -> None:
    table = Table(title="offsets")
    for name in ("topic", "partition", "committed", "start", "stable end", "new", "read again", "skipped"):
        table.add_column(name, justify="left" if name == "topic" else "right")
    for move in moves:
        at = move.at
        committed = "nothing" if at.committed is None else f"{at.committed:,}"
        numbers = [f"{n:,}" for n in (at.log.start, at.log.stable_end, move.to, move.read_again, move.skipped)]
        table.add_row(at.topic, str(at.partition), committed, *numbers)
    Console().print(table)
    again, skipped = sum(move.read_again for move in moves), sum(move.skipped for move in moves)
    if skipped:
        print(f"{skipped:,} offsets are skipped: what they brought is lost")
    if again:
        print(f"{again:,} offsets are read again: their outputs are sent again" + _counts_twice(states, empty))
    if empty:
        print(f"every key of state {', '.join(states)} in these partitions is deleted, watermarks included")


def _counts_twice(states: Sequence[str], empty: bool) -> str:
    return f", and they count twice in state {', '.join(states)}" if states and not empty else ""


def _told_moves(moves: Sequence[Move], deleted: dict[str, int] | None) -> dict[str, Any]:
    told = [
        {
            "topic": move.at.topic,
            "partition": move.at.partition,
            "committed": move.at.committed,
            "new": move.to,
            "read_again": move.read_again,
            "skipped": move.skipped,
        }
        for move in moves
    ]
    return {"partitions": told, "keys_deleted": deleted}


def _deletions(deleted: dict[str, int]) -> list[str]:
    return [f"; {keys:,} keys of state {state} deleted" for state, keys in deleted.items()]
