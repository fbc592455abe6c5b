"""The declared features."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from models.behaviour.bounds import BOUNDS
from models.behaviour.codes import TIMERS
from models.behaviour.config import FoldConfig
from models.behaviour.features import FEATURE_NAMES, FEATURES, features
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from models.behaviour.moment import INPUT_PLACE
from models.behaviour.moment_matrix import moment_matrix
from schemas.vocabulary import DEVICES, EVENT_TYPES, PAGE_TYPES, SOURCES

DOCUMENT = Path(__file__).parents[3] / "docs" / "fold.md"
WINDOW_TYPES = ("page_view", "click", "scroll", "input", "form_error", "view_item", "add_to_cart", "js_error")
FAMILIES = {
    "<type>": EVENT_TYPES,
    "<page type>": PAGE_TYPES,
    "<name>": TIMERS,
    "<device>": DEVICES,
    "<source>": SOURCES,
}


def documented() -> list[str]:
    """The names of docs/fold.md, 5, in its order."""
    rows = re.findall(
        r"^\| (`.*?) \|", DOCUMENT.read_text().split("## 5. Features")[1].split("### 5.1")[0], re.MULTILINE
    )
    return [name for row in rows for pattern in re.findall(r"`(.*?)`", row) for name in _expanded(pattern)]


def _expanded(pattern: str) -> list[str]:
    if pattern.startswith("window."):
        return [f"window.{k}.{t}" for k in range(6) for t in WINDOW_TYPES]
    for place, names in FAMILIES.items():
        if place in pattern:
            return [pattern.replace(place, name) for name in names]
    return [pattern]


def test_every_feature_of_the_document_is_declared_in_its_order() -> None:
    """The document, the declaration and the matrix name the same features."""
    assert list(FEATURE_NAMES) == documented()
    assert feature_matrix(SESSION_LAYOUT.blank).shape == (1, len(FEATURES))


def test_definitions_differ() -> None:
    """No two features share a hash, and a hash is the same each time it is computed."""
    hashes = [f.definition_hash for f in FEATURES]
    assert len(set(hashes)) == len(hashes)
    assert hashes == [f.definition_hash for f in features()]


def test_a_changed_constant_makes_another_feature() -> None:
    """The bot threshold is part of `bot`, and the gap of every feature."""
    default = {f.name: f.definition_hash for f in FEATURES}
    bots = {f.name: f.definition_hash for f in features(FoldConfig(bot_threshold=50))}
    gaps = {f.name: f.definition_hash for f in features(FoldConfig(gap_ms=60_000))}
    assert {name for name in default if default[name] != bots[name]} == {"bot"}
    assert all(default[name] != gaps[name] for name in default)


def test_a_cart_worth_next_to_nothing_has_a_share() -> None:
    """The highest there is, in both matrices, though the quotient is beyond float32."""
    rows = SESSION_LAYOUT.blank.copy()
    rows["shipping_cost"], rows["cart_value"] = 1e9, 1e-45
    of_the_fold = feature_matrix(rows)[0, FEATURE_NAMES.index("shipping_share")]
    now = moment_matrix(rows, np.zeros(1, np.int64), rows["start_ms"])[0, INPUT_PLACE["shipping_share"]]
    assert of_the_fold == now == BOUNDS.shipping_share_max


def test_of_nothing_there_is_an_empty_matrix() -> None:
    """No rows, no error."""
    assert feature_matrix(SESSION_LAYOUT.blank[:0]).shape == (0, len(FEATURES))


def test_another_layout_is_refused() -> None:
    """Rows of another layout are an error."""
    with pytest.raises(ValueError, match="layout 'session'"):
        feature_matrix(np.zeros(1, np.dtype([("due_ms", "<i8")])))
