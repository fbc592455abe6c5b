"""A decision as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from models.ava.catalog import Catalog
from models.ava.conditions import GATE_NAMES
from models.ava.history import friction_number
from models.signals import SIGNALS


def decision_text(record: Mapping[str, Any], catalog: Catalog) -> Group:
    """A `decision` record: what was concluded, signals, gates by number, arms, draw, versions."""
    parts: list[Any] = [_head(record, catalog), _signals(record), _gates(record)]
    if record["arms"]:
        parts += [_arms(record), f"draw {record['draw']!r} chose {escape(str(record['arm_id']))}"]
    return Group(*parts, _versions(record))


def _head(record: Mapping[str, Any], catalog: Catalog) -> str:
    by = f"timer {record['timer']}" if record["timer"] else "an event"
    why = f" ({record['reason']})" if record["reason"] else ""
    lowered = f"\nlowered from {record['loud_limit']}" if record["loud_limit"] else ""
    detected = ", ".join(_friction(one, catalog) for one in record["frictions"]) or "none"
    on = _friction(record["friction_id"], catalog) if record["friction_id"] else "none"
    return escape(
        f"{record['decision_id']} at site {record['site_id']}, {record['decided_at']} ms, by {by}\n"
        f"{record['result']}{why}: {record['tier']} {record['action']}".rstrip()
        + f"{lowered}\ndecided on {on}\ndetected {detected}"
    )


def _friction(identifier: str, catalog: Catalog) -> str:
    known = catalog.by_number.get(friction_number(identifier))
    return f"{identifier} {known.name} ({known.severity})" if known else identifier


def _signals(record: Mapping[str, Any]) -> Table:
    table = Table("signal", "rule", "scorer would add", "used")
    for name in SIGNALS:
        values = (record[of][name] for of in ("rule_signals", "adjustments", "signals"))
        table.add_row(name, *(f"{value:g}" for value in values))
    table.add_row("composite", "", "", f"{record['composite']:g} {record['composite_tier']}")
    return table


def _gates(record: Mapping[str, Any]) -> Table:
    table = Table("gate", "about", "first condition that held")
    for number, (name, condition) in enumerate(zip(GATE_NAMES, record["gates"], strict=False)):
        table.add_row(str(number), name, condition)
    return table


def _arms(record: Mapping[str, Any]) -> Table:
    table = Table("arm", "propensity", "rewards", "mean", "prior", "offset")
    for arm in record["arms"]:
        mean = f"{arm['reward_sum'] / arm['n']:.4f}" if arm["n"] else ""
        prior = f"{arm['prior_mean']:.4f} x {arm['prior_n']:g}"
        mark = "> " if arm["arm_id"] == record["arm_id"] else "  "
        cells = (f"{arm['propensity']:.6f}", str(arm["n"]), mean, prior, str(arm["posterior_offset"]))
        table.add_row(mark + escape(arm["arm_id"]), *cells)
    return table


def _versions(record: Mapping[str, Any]) -> str:
    names = ("mode", "profile", "site_config", "site_stage", "scorer", "catalog", "feature_set", "holdout_bucket")
    return escape(", ".join(f"{name} {record[name] if record[name] != '' else '(none)'}" for name in names))
