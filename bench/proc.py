"""CPU time of a process and all its descendants, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """What /proc/<pid>/stat says of one process; CPU in clock ticks, own and of children waited for."""

    pid: int
    parent: int
    own_ticks: int
    reaped_ticks: int


def parse_stat(text: str) -> Stat:
    """Parse a line of /proc/<pid>/stat. The command's name stands in parentheses and may hold anything, also those."""
    pid = int(text.split(" ", 1)[0])
    fields = text[text.rindex(")") + 2 :].split()  # from the third field of proc(5) on
    return Stat(pid, int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14]))


def tree(stats: list[Stat], root: int) -> list[Stat]:
    """The process `root` and its descendants among `stats`."""
    members = {root}
    grown = True
    while grown:
        children = {s.pid for s in stats if s.parent in members} - members
        members |= children
        grown = bool(children)
    return [s for s in stats if s.pid in members]


def cpu_seconds(stats: list[Stat], root: int) -> float:
    """CPU seconds, user and system, of the tree at `root`, those of its ended and reaped children included."""
    return sum(s.own_ticks + s.reaped_ticks for s in tree(stats, root)) / TICKS_PER_S


def _read_all(proc: Path) -> Iterator[Stat]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                yield parse_stat((folder / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended between listing and reading


def tree_cpu_seconds(root: int, proc: Path = Path("/proc")) -> float:
    """CPU seconds used so far by the process `root` and its descendants."""
    return cpu_seconds(list(_read_all(proc)), root)
