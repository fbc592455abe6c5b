"""Rates, percentiles and the report."""

from __future__ import annotations

import json

import pytest

from bench.rates import Sample, Throughput, TooFewCommits, latency_rate, medians, percentile, throughput
from bench.report import Row, json_line, table


def test_a_rate_runs_from_commit_to_commit() -> None:
    """Offsets move once a second by 1,000; when the samples begin and end between two commits does not matter."""
    samples = [Sample(t / 4, 1_000 * (t // 4), t / 8) for t in range(3, 23)]
    result = throughput(samples)
    assert result.records_per_s == pytest.approx(1_000)
    assert result.records_per_cpu_s == pytest.approx(2_000)
    assert result.window_s == pytest.approx(4)


@pytest.mark.parametrize("committed", [[], [5, 5, 5], [5, 5, 9]])
def test_one_commit_is_no_rate(committed: list[int]) -> None:
    with pytest.raises(TooFewCommits, match="needs 2"):
        throughput([Sample(float(i), c, 0.0) for i, c in enumerate(committed)])


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_percentiles_are_values_that_occurred(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_medians_are_taken_figure_by_figure() -> None:
    rounds = [Throughput(1, 30, 5), Throughput(3, 10, 5), Throughput(2, 20, 5)]
    assert medians(rounds) == Throughput(2, 20, 5)


@pytest.mark.parametrize(("sustained", "rate"), [(500_000, 20_000), (25_000, 20_000), (5_678, 4_500), (3, 2), (0.5, 1)])
def test_latency_is_measured_below_what_is_sustained(sustained: float, rate: float) -> None:
    assert latency_rate(sustained) == rate


def test_the_json_names_the_job_and_what_was_not_measured() -> None:
    answer = json.loads(json_line([Row("floor", 1234.5678)]))
    assert answer["job"] == "J1"
    assert answer["rows"][0]["records_per_s"] == 1234.6
    assert answer["rows"][0]["p99_ms"] is None


def test_the_table_has_a_line_a_row() -> None:
    lines = table([Row("floor", 1234.5), Row("stock-faust")]).splitlines()
    assert len(lines) == 3
    assert "1,234" in lines[1]
    assert len({len(line) for line in lines}) == 1
