"""`lam publish`: records from JSON lines onto a topic, each checked before it goes."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import copyfileobj
from typing import Annotated, BinaryIO, cast

import typer
from rich.console import Console
from rich.progress import Progress

from services.checking import Checked, Checker, Refused
from services.lines import Line, Source, lines
from services.publishing import BY_HAND, Publisher
from topics.errors import ConfigurationError
from topics.settings import load_settings
from topics.table import TOPICS

STDIN = Path("-")
EXIT_REFUSED = 1

Take = Callable[[Checked], None]


def publish(
    topic: Annotated[str, typer.Argument(help=f"One of {', '.join(sorted(BY_HAND))}.")],
    file: Annotated[Path, typer.Argument(help="JSON lines, one record each; - is standard input.")] = STDIN,
    strict: Annotated[bool, typer.Option(help="Publish nothing unless every line is good.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check only; needs no broker.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each refusal, and a summary.")] = False,
) -> None:
    """Publish the records of FILE on TOPIC; what is refused is told by line, and makes the exit status 1.

    Schema, ranges and lengths are checked as workers check them. Good lines are published as they are read, however
    long the file or the pipe. Blank lines are skipped.
    """
    if topic not in BY_HAND:
        raise ConfigurationError(
            f"topic {topic!r} is not written by hand; expected one of {', '.join(sorted(BY_HAND))}: workers write the "
            "others, and a second writer would break their sums"
        )
    checker, counts = Checker(TOPICS[topic]), Counter[str]()
    with _opened(file, again=strict and not dry_run) as source, _progress(file, source) as look:
        publisher = None if dry_run else Publisher(load_settings(), topic)
        try:
            if strict:
                _check(checker, source, counts, as_json, _nothing, look)
                if publisher is not None and not counts["refused"]:
                    source.seek(0)
                    _check(checker, source, Counter(), as_json, _to(publisher), look)
            else:
                _check(checker, source, counts, as_json, _nothing if publisher is None else _to(publisher), look)
        finally:
            if publisher is not None:
                publisher.flush()
    _tell_summary(topic, counts, 0 if publisher is None else publisher.sent, dry_run, as_json)
    if counts["refused"]:
        raise typer.Exit(EXIT_REFUSED)


def _check(
    checker: Checker, source: BinaryIO, counts: Counter[str], as_json: bool, take: Take, look: Callable[[], None]
) -> None:
    for some in _lines(source):
        for one in checker.check(some):
            if isinstance(one, Refused):
                counts["refused"] += 1
                _tell_refused(one, as_json)
            else:
                counts["good"] += 1
                take(one)
        look()


def _lines(source: BinaryIO) -> Iterator[list[Line]]:
    return lines(cast(Source, source))


def _to(publisher: Publisher) -> Take:
    return lambda one: publisher.publish_value(one.key, one.value)


def _nothing(one: Checked) -> None:
    return


@contextmanager
def _opened(file: Path, *, again: bool) -> Iterator[BinaryIO]:
    """The bytes of a file or of standard input; `again`: they can be read twice, a pipe by way of the disk."""
    with ExitStack() as stack:
        if file == STDIN:
            source: BinaryIO = sys.stdin.buffer
        else:
            try:
                source = stack.enter_context(file.open("rb"))
            except OSError as problem:
                raise ConfigurationError(
                    f"{file} cannot be read: {problem.strerror}; name a file of JSON lines"
                ) from problem
        if again and not source.seekable():
            copy = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
            copyfileobj(source, copy)
            copy.seek(0)
            source = copy
        yield source


@contextmanager
def _progress(file: Path, source: BinaryIO) -> Iterator[Callable[[], None]]:
    """On a terminal, a bar of how much of a file was read; `look` moves it."""
    console = Console(stderr=True)
    if file == STDIN or not file.is_file() or not console.is_terminal:
        yield lambda: None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(file.name, total=file.stat().st_size)
        yield lambda: bar.update(task, completed=source.tell())


def _tell_refused(one: Refused, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"line": one.line, "refused": one.message}))
    else:
        print(f"line {one.line}: refused: {one.message}", file=sys.stderr)


def _tell_summary(topic: str, counts: Counter[str], published: int, dry_run: bool, as_json: bool) -> None:
    if as_json:
        summary = {"topic": topic, "good": counts["good"], "refused": counts["refused"], "published": published}
        print(json.dumps(summary))
        return
    done = f"{counts['good']} good, nothing published" if dry_run else f"{published} of {counts['good']} good published"
    print(f"{topic}: {done}, {counts['refused']} refused", file=sys.stderr)
