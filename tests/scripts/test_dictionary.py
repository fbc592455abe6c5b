"""Generated pages say what the code says."""

from __future__ import annotations

from agents.metrics import AGENT_METRICS
from scripts.dictionary import DICTIONARY, OPERATIONS, dictionary, operations
from topics.metrics import ENGINE_METRICS


def test_the_data_dictionary_is_current() -> None:
    """`python -m scripts.dictionary` would change nothing."""
    assert DICTIONARY.read_text() == dictionary()


def test_the_tables_of_settings_and_metrics_are_current() -> None:
    """Every setting is on the page of operations with its default, and every metric with its meaning."""
    assert OPERATIONS.read_text() == operations(OPERATIONS.read_text())


def test_every_metric_is_listed() -> None:
    """Each declared one stands in the table."""
    page = OPERATIONS.read_text()
    assert [one.name for one in (*ENGINE_METRICS, *AGENT_METRICS) if f"| `{one.name}` | {one.kind} |" not in page] == []
