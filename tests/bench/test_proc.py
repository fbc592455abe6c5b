"""CPU time out of /proc."""

from __future__ import annotations

import os

from bench.proc import TICKS_PER_S, Stat, cpu_seconds, parse_stat, tree, tree_cpu_seconds

LINE = (
    "4242 (a (strange) name) S 17 4242 4242 0 -1 4194560 9050 112 3 0 "
    "815 92 40 7 20 0 13 0 123456 1000000 2000 18446744073709551615 1 1 0"
)


def test_a_name_with_parentheses_and_spaces_is_no_obstacle() -> None:
    assert parse_stat(LINE) == Stat(pid=4242, parent=17, own_ticks=815 + 92, reaped_ticks=40 + 7)


def test_the_tree_holds_descendants_and_nobody_else() -> None:
    stats = [Stat(1, 0, 1, 0), Stat(2, 1, 2, 5), Stat(3, 2, 4, 0), Stat(4, 1, 8, 0)]
    assert {s.pid for s in tree(stats, 2)} == {2, 3}
    assert cpu_seconds(stats, 2) == (2 + 5 + 4) / TICKS_PER_S


def test_this_process_has_used_cpu() -> None:
    assert tree_cpu_seconds(os.getpid()) > 0
