"""Generated pages say what the code says."""

from __future__ import annotations

from scripts.dictionary import DICTIONARY, OPERATIONS, dictionary, operations


def test_the_data_dictionary_is_current() -> None:
    """`python -m scripts.dictionary` would change nothing."""
    assert DICTIONARY.read_text() == dictionary()


def test_the_table_of_settings_is_current() -> None:
    """Every setting is on the page of operations, with its default."""
    assert OPERATIONS.read_text() == operations(OPERATIONS.read_text())
