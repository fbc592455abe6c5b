"""The table and the line of JSON that a benchmark ends with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """What was measured of one subject; None where it was not."""

    name: str
    records_per_s: float | None = None
    records_per_cpu_s: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    window_s: float | None = None
    latency_at_records_per_s: float | None = None
    latency_outputs: int | None = None


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def table(rows: list[Row]) -> str:
    """The rows for people."""
    heads = ("", "records/s", "records/CPU-s", "p50 ms", "p99 ms", "window s", "latency at/s", "outputs")
    lines: list[tuple[str, ...]] = [heads]
    for row in rows:
        figures = (row.records_per_s, row.records_per_cpu_s, row.p50_ms, row.p99_ms, row.window_s)
        latency = (row.latency_at_records_per_s, row.latency_outputs)
        lines.append((row.name, *(_number(f) for f in (*figures, *latency))))
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *(line[i].rjust(widths[i]) for i in range(1, len(heads)))])
        for line in lines
    )


def json_line(rows: list[Row]) -> str:
    """The rows for programs: one line."""
    rounded = [
        {name: round(value, 1) if isinstance(value, float) else value for name, value in asdict(row).items()}
        for row in rows
    ]
    return json.dumps({"job": "J1", "rows": rounded}, separators=(",", ":"))
