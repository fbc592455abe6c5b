"""Write what is generated of the documentation: the data dictionary, and the tables of settings and metrics.

`python -m scripts.dictionary` writes, `--check` only tells whether what stands there is true.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from agents.metrics import AGENT_METRICS
from models.behaviour.features import FEATURES
from schemas.record_type import RecordType, all_record_types
from topics.metrics import ENGINE_METRICS
from topics.settings import Settings
from topics.table import TOPICS

ROOT = Path(__file__).resolve().parents[1]
DICTIONARY = ROOT / "docs" / "data-dictionary.md"
OPERATIONS = ROOT / "docs" / "operations.md"
METRICS_HEAD = "| metric | kind | labels | what it means |\n|---|---|---|---|\n"
SETTINGS_HEAD = "| setting | default | what for |\n|---|---|---|\n"
CONSTRAINTS = ("minimum", "maximum", "minLength", "maxLength", "maxItems")


def dictionary() -> str:
    """The data dictionary, from the schemas, the table of topics and the declared features."""
    parts = [
        "# Data dictionary\n\nMade by `python -m scripts.dictionary` from `schemas/avsc`, `topics/table.py` and "
        "`models/behaviour/features.py`. Times are ms since the epoch. Lengths are bytes of UTF-8.\n",
        "## Topics\n\n| topic | key | record | kept | what |\n|---|---|---|---|---|\n"
        + "".join(
            f"| {spec.name} | {spec.key or ''} | {spec.record or ''} | {spec.kept} | {spec.doc} |\n"
            for spec in TOPICS.values()
        ),
        *(_record(known) for known in all_record_types()),
        "## Features of a visit\n\n"
        "| feature | unit | window | how it is folded | default | hash |\n|---|---|---|---|---|---|\n"
        + "".join(
            f"| {one.name} | {one.unit} | {one.window} | {one.fold} | {one.default:g} | {one.definition_hash[:12]} |\n"
            for one in FEATURES
        ),
    ]
    return "\n".join(parts)


def settings_table() -> str:
    """A row for each setting."""
    rows = [
        f"| `LAM_{name.upper()}` | {_shown(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def metrics_table() -> str:
    """A row for each metric of the engine and of the agents."""
    rows = [
        f"| `{one.name}` | {one.kind} | {', '.join(one.labels)} | {one.help} |"
        for one in (*ENGINE_METRICS, *AGENT_METRICS)
    ]
    return "\n".join(rows) + "\n"


def operations(text: str) -> str:
    """The page of operations with its tables of settings and metrics renewed."""
    for head, table in ((SETTINGS_HEAD, settings_table()), (METRICS_HEAD, metrics_table())):
        before, _, behind = text.partition(head)
        text = before + head + table + "\n" + behind.partition("\n\n")[2]
    return text


def _record(known: RecordType) -> str:
    rows = "".join(_field(field) for field in known.tree["fields"])
    head = f"## {known.name}\n\n{known.tree['doc']} Schema fingerprint `{known.fingerprint.hex()}`.\n\n"
    return head + "| field | type | bounds | what |\n|---|---|---|---|\n" + rows


def _field(field: dict[str, Any]) -> str:
    bounds = ", ".join(f"{name} {field[name]:,}" for name in CONSTRAINTS if name in field)
    return f"| {field['name']} | {_type(field['type'])} | {bounds} | {field['doc']} |\n"


def _type(node: Any) -> str:
    if isinstance(node, list):
        return " or ".join(_type(branch) for branch in node)
    if not isinstance(node, dict):
        return str(node)
    if node["type"] == "enum":
        return "enum: " + ", ".join(node["symbols"])
    if node["type"] == "record":
        return "{" + ", ".join(f"{field['name']}: {_type(field['type'])}" for field in node["fields"]) + "}"
    return f"{node['type']} of {_type(node.get('items', node.get('values')))}"


def _shown(default: Any) -> str:
    return "" if default is None else str(getattr(default, "value", default))


def main() -> None:
    """Write the pages, or tell where they are no longer true."""
    wanted = {DICTIONARY: dictionary(), OPERATIONS: operations(OPERATIONS.read_text())}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"no longer true: {', '.join(path.name for path in stale)}; run python -m scripts.dictionary")
        return
    for path in stale:
        path.write_text(wanted[path])


if __name__ == "__main__":
    main()
