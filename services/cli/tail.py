"""`lam tail`: what a topic holds and gets, decoded, as JSON lines."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Optional

import typer

from services.filters import condition
from services.showing import raw, view
from topics.errors import ConfigurationError
from topics.following import Start, follow
from topics.published_schemas import add_published
from topics.settings import load_settings


def tail(
    topic: Annotated[str, typer.Argument(help="A topic of `lam topics list`, without LAM_PREFIX.")],
    start: Annotated[
        str, typer.Option("--from", help="beginning, end, or N: the last N offsets of each partition.")
    ] = "end",
    until_end: Annotated[bool, typer.Option("--until-end", help="Stop at the end there is now.")] = False,
    where: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(help="Only where FIELD=VALUE holds; dotted paths, also != > >= < <=. Repeat for several."),
    ] = None,
    key: Annotated[Optional[str], typer.Option(help="Only records with this key.")] = None,  # noqa: UP045
    limit: Annotated[Optional[int], typer.Option(min=1, help="Stop after so many records.")] = None,  # noqa: UP045
    with_place: Annotated[
        bool, typer.Option("--raw", help="With topic, partition, offset, timestamp, key and headers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, as always.")] = True,
) -> None:
    """Follow TOPIC, committed records only, until Ctrl-C, --limit or --until-end.

    A record that does not decode is shown as {"bad": why, "value_base64": ...}, a deletion as {"deleted": key}, a dead
    letter with its reason. --where looks at the record, of a dead letter at what is shown of it.
    """
    settings = load_settings()
    conditions = [condition(one) for one in where or []]
    shown = view(topic, lambda store: add_published(store, settings))
    left = limit
    with _reader_may_leave():
        for records in follow(settings, settings.prefix + topic, _start(start), until_end=until_end):
            chosen = [one for one in records if key is None or one.key() == key.encode()]
            for record, fields in zip(chosen, shown.records(chosen), strict=True):
                if all(holds(fields) for holds in conditions):
                    print(json.dumps(raw(record, fields) if with_place else fields))
                    left = None if left is None else left - 1
                    if left == 0:
                        return
            sys.stdout.flush()


def _start(written: str) -> Start:
    if written in ("beginning", "end"):
        return written  # type: ignore[return-value]
    if written.isdecimal():
        return int(written)
    raise ConfigurationError(f"--from is {written!r}; expected beginning, end, or a number of records")


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Ctrl-C, and a reader such as `head` that has enough, are good ends."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # What is left in the buffer would fail again when Python flushes it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
