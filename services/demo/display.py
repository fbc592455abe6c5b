"""What the demo shows while it runs: a live table on a terminal, elsewhere a line every few seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from schemas.vocabulary import TIERS
from services.demo.watch import Seen

PLAIN_EVERY_S = 5.0

Tell = Callable[[str, "int | None"], None]
"""Takes what is going on, and the lag where it was asked."""


@contextmanager
def display(console: Console, seen: Seen) -> Iterator[Tell]:
    """Show what is seen for as long as the context lasts; call what it yields whenever there may be news."""
    began = time.monotonic()
    lag_seen: list[int | None] = [None]

    def remembered(lag: int | None) -> int | None:
        lag_seen[0] = lag if lag is not None else lag_seen[0]
        return lag_seen[0]

    if console.is_terminal:
        with Live(console=console, refresh_per_second=4) as live:
            yield lambda stage, lag: live.update(_table(stage, time.monotonic() - began, seen, remembered(lag)))
        return
    last = [0.0]

    def line(stage: str, lag: int | None) -> None:
        known = remembered(lag)
        if time.monotonic() - last[0] >= PLAIN_EVERY_S:
            last[0] = time.monotonic()
            print(_line(stage, time.monotonic() - began, seen, known), file=sys.stderr)

    yield line


def _line(stage: str, seconds: float, seen: Seen, lag: int | None) -> str:
    tiers = ", ".join(f"{tier} {seen.interventions[tier]}" for tier in TIERS if seen.interventions[tier])
    return (
        f"{seconds:5.0f} s  {stage}: {seen.events} events, {seen.visits} visits closed, "
        f"{len(seen.decisions)} decisions, "
        f"shown: {tiers or 'nothing yet'}, {seen.rewards} rewards, {len(seen.tuples)} tuples, lag {_or_dash(lag)}"
    )


def _table(stage: str, seconds: float, seen: Seen, lag: int | None) -> Table:
    table = Table(title=f"lamstream demo: {stage}, {seconds:.0f} s", show_header=False)
    table.add_row("events", f"{seen.events:,}  ({seen.events / max(seconds, 1):,.0f}/s)")
    table.add_row("visits closed", f"{seen.visits:,}  ({seen.orders:,} orders)")
    table.add_row("decisions", f"{len(seen.decisions):,}")
    for tier in TIERS[1:]:
        table.add_row(f"  shown, {tier}", f"{seen.interventions[tier]:,}")
    for result in ("no_op", "holdout"):
        table.add_row(f"  {result}", f"{seen.results[result]:,}")
    table.add_row("rewards", f"{seen.rewards:,}")
    table.add_row("tuples", f"{len(seen.tuples):,}  ({len(seen.final):,} final)")
    table.add_row("dead letters", f"{seen.dead_letters:,}")
    table.add_row("lag", _or_dash(lag))
    return table


def _or_dash(lag: int | None) -> str:
    return "-" if lag is None else f"{lag:,}"
