"""`lam dlq`: dead letters, from the question what went wrong to the record's way back."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from services.cli.dlq_text import counts_text, plan_text, plan_told
from services.dlq.choice import Choice, choice
from services.dlq.exporting import export as export_to
from services.dlq.exporting import write_lines
from services.dlq.letters import Letter, source_topic
from services.dlq.plan import Plan, plan, planned
from services.dlq.reading import letters
from services.dlq.retried import known_retried, read_retried
from services.dlq.sending import Sender, send_back
from services.dlq.summary import counts, line, told_in_short, told_whole
from services.dlq.text import told_at_length
from services.showing import Shown, fields_of
from topics.clients import admin_client
from topics.embedded import refuse_embedded
from topics.errors import ConfigurationError
from topics.published_schemas import add_published
from topics.settings import Settings, load_settings

dlq = typer.Typer(help="List, show, export and send back dead letters.", no_args_is_help=True)

STDOUT = Path("-")
EXIT_REFUSED = 1

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids as `lam dlq list --each` prints them.")]
Topics = Annotated[
    list[str] | None, typer.Option("--topic", help="Letters of this topic, session-event or session-event.dlq; repeat.")
]
Reasons = Annotated[list[str] | None, typer.Option("--reason", help="Diverted for this reason; repeat for several.")]
Stages = Annotated[list[str] | None, typer.Option("--stage", help="Failed there: decode, validate or process; repeat.")]
Since = Annotated[str | None, typer.Option(help="Diverted then or later: an age (2h, 3d) or an ISO time in UTC.")]
Until = Annotated[str | None, typer.Option(help="Diverted before: an age or an ISO time.")]
Key = Annotated[str | None, typer.Option(help="Only records with this key.")]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many, the oldest.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dlq.command("list")
def list_letters(
    topic: Topics = None,
    reason: Reasons = None,
    stage: Stages = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    limit: Limit = None,
    each: Annotated[bool, typer.Option(help="One line a letter, with its id.")] = False,
    as_json: AsJson = False,
) -> None:
    """Count the letters by topic, stage and reason, with the times of the first and the last, and an id to look at."""
    settings = load_settings()
    chosen = _choice(None, topic, reason, stage, since, until, key, limit)
    retried, found = known_retried(settings), letters(settings, chosen)
    if each:
        for letter in found:
            told = told_in_short(letter, retried)
            print(json.dumps(told) if as_json else line(told))
        return
    rows = counts(found, retried)
    if as_json:
        print(json.dumps(rows))
    elif rows:
        print("\n".join(counts_text(rows)))
    else:
        print("no dead letters")


@dlq.command("show")
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As `lam dlq list --each` prints it.")],
    raw: Annotated[Path | None, typer.Option(help="Write the value's bytes to this file; - is stdout.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one letter: what was wrong, where the record stood, headers, key, and the value as far as it can be read.

    What decodes is shown as its fields, text as text, all else as a dump of its bytes; control characters are escaped.
    """
    settings = load_settings()
    (letter,) = letters(settings, _choice([identifier]))
    if raw is not None:
        _write_value(letter, raw)
        return
    fields = _fields(settings, letter)
    marker = known_retried(settings).of(letter)
    if as_json:
        print(json.dumps({**told_whole(letter), "record": fields, "retried": marker is not None}))
    else:
        print("\n".join(told_at_length(letter, fields, marker)))


@dlq.command("export")
def export(
    out: Annotated[Path, typer.Option(help="A new file ending in .jsonl, a folder, or - for JSON lines on stdout.")],
    ids: Ids = None,
    topic: Topics = None,
    reason: Reasons = None,
    stage: Stages = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    limit: Limit = None,
) -> None:
    """Copy letters out of Kafka: one JSON object each, with key, value and headers as they are, in base64.

    A folder gets <topic>-<partition>-<offset>.json for each letter, and beside it .bin with the value's bytes.
    """
    settings = load_settings()
    found = letters(settings, _choice(ids, topic, reason, stage, since, until, key, limit))
    written = write_lines(found, sys.stdout) if out == STDOUT else export_to(found, out)
    print(f"{written} letters exported", file=sys.stderr)


@dlq.command("retry")
def retry(
    ids: Ids = None,
    topic: Topics = None,
    reason: Reasons = None,
    stage: Stages = None,
    since: Since = None,
    until: Until = None,
    key: Key = None,
    limit: Limit = None,
    again: Annotated[bool, typer.Option(help="Also those that were sent back before and failed again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be sent and what not.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send records back to the topic they came from, each once: mend what made them fail first.

    Key, value and headers go as they came, with their history in headers lamstream.retry.*. A letter that was sent
    back is marked in the same transaction and never goes again, however often this runs, or where it ends. What is
    refused is told and makes the exit status 1. An old event may come too late to be folded.
    """
    settings = load_settings()
    chosen = _choice(ids, topic, reason, stage, since, until, key, limit)
    if not dry_run:
        refuse_embedded(admin_client(settings), settings, "sending letters back exactly once")
    made = plan(letters(settings, chosen), read_retried(settings), again=again)
    if not as_json:
        print("\n".join(plan_text(made)))
    sent = 0
    if made.sending and not dry_run and _agreed(made, yes, as_json):
        sent = _send(settings, chosen, made, again, as_json)
    if as_json:
        print(plan_told(made, sent))
    if made.failures:
        raise typer.Exit(EXIT_REFUSED)


def _choice(
    ids: list[str] | None,
    topic: list[str] | None = None,
    reason: list[str] | None = None,
    stage: list[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    key: str | None = None,
    limit: int | None = None,
) -> Choice:
    return choice(
        now_ms(),
        topics=topic or (),
        ids=ids or (),
        reasons=reason or (),
        stages=stage or (),
        since=since,
        until=until,
        key=key,
        limit=limit,
    )


def _send(settings: Settings, chosen: Choice, made: Plan, again: bool, quiet: bool) -> int:
    sender = Sender(settings)
    console = Console(stderr=True)
    try:
        takes = planned(made, sender.start(), again=again)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("sending back", total=len(made.sending))
            # Those planned are asked for by id: which are the oldest may have changed since.
            found = letters(settings, replace(chosen, limit=None))
            sent = send_back(sender, found, takes, now_ms, lambda count: bar.advance(task, count))
    finally:
        sender.close()
    if not quiet:
        print(f"{sent} of {len(made.sending)} sent back")
    return sent


def _agreed(made: Plan, yes: bool, as_json: bool) -> bool:
    if yes:
        return True
    if as_json or not sys.stdin.isatty():
        raise ConfigurationError(
            f"{len(made.sending)} letters would be sent back, and nobody can be asked; --yes sends them, --dry-run "
            "tells which"
        )
    return typer.confirm(f"send {len(made.sending)} back?")


def _fields(settings: Settings, letter: Letter) -> Shown | None:
    if letter.value is None:
        return None
    return fields_of(source_topic(letter.place.topic), letter.value, lambda store: add_published(store, settings))


def _write_value(letter: Letter, file: Path) -> None:
    if letter.value is None:
        raise ConfigurationError(f"{letter.place} has no value to write; `lam dlq show {letter.place}` says why")
    if file == STDOUT:
        sys.stdout.buffer.write(letter.value)
        return
    try:
        file.write_bytes(letter.value)
    except OSError as problem:
        raise ConfigurationError(f"{file} cannot be written: {problem.strerror}; name another") from problem


def now_ms() -> int:
    """The machine's time."""
    return time.time_ns() // 1_000_000
