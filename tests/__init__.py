"""Tests, laid out like the tree they test; `reference/` is the oracle they compare with."""
