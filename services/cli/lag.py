"""`lam lag`: how far the workers are behind."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from topics.lag import PartitionLag, lags
from topics.settings import Settings, load_settings

WATCH_S = 2.0


def lag(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with --watch one line a reading.")] = False,
    watch: Annotated[bool, typer.Option(help=f"Look again every {WATCH_S:g} s until Ctrl-C.")] = False,
) -> None:
    """Show the workers' lag in records: stable end less committed position, for each partition that agents read.

    An upper bound where transaction markers or compaction leave holes. The broker does not know event time: a worker's
    lag in seconds of it is the metric lamstream_event_time_lag_seconds, at the worker's /metrics.
    """
    settings = load_settings()
    if not watch:
        found = lags(settings)
        if as_json:
            print(json.dumps(_told(settings, found)))
        else:
            Console().print(_table(settings, found))
        return
    with suppress(KeyboardInterrupt):
        _watch(settings, as_json)


def _watch(settings: Settings, as_json: bool) -> None:
    console = Console()
    if as_json or not console.is_terminal:
        while True:
            print(json.dumps(_told(settings, lags(settings))), flush=True)
            time.sleep(WATCH_S)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(_table(settings, lags(settings)), refresh=True)
            time.sleep(WATCH_S)


def _told(settings: Settings, found: list[PartitionLag]) -> dict[str, object]:
    return {
        "group": settings.group_id,
        "lag": sum(one.lag for one in found),
        "partitions": [one._asdict() for one in found],
    }


def _table(settings: Settings, found: list[PartitionLag]) -> Table:
    table = Table(title=f"group {settings.group_id}", show_footer=True)
    table.add_column("topic", footer="all")
    table.add_column("partition", justify="right")
    table.add_column("committed", justify="right")
    table.add_column("end", justify="right")
    table.add_column("lag", justify="right", footer=f"{sum(one.lag for one in found):,}")
    for one in found:
        committed = "nothing" if one.committed is None else f"{one.committed:,}"
        table.add_row(one.topic, str(one.partition), committed, f"{one.end:,}", f"{one.lag:,}")
    return table
