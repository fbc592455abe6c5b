"""Inputs at a moment."""

from __future__ import annotations

import numpy as np

from models.behaviour.config import FoldConfig
from models.behaviour.features import FEATURE_NAMES
from models.behaviour.fold import fold
from models.behaviour.layout import SESSION_LAYOUT
from models.behaviour.matrix import feature_matrix
from models.behaviour.moment import INPUT_PLACE, INPUTS
from models.training.inputs import moment_matrix
from tests.models.behaviour.events import START, event, to_batch, to_columns

VISIT = (
    {"type": "page_view", "page_id": "/a"},
    {"type": "page_view", "page_id": "/b", "at_s": 20},
    {"type": "intervention_shown", "page_id": "/b", "at_s": 25, "intervention_id": "i"},
    {"type": "page_ping", "page_id": "/b", "at_s": 30},
)


def test_what_depends_on_the_moment_is_counted_to_it() -> None:
    """Seconds since the start, the last activity, the page and the intervention; never where nothing was dismissed."""
    rows = SESSION_LAYOUT.blank.copy()
    batch = to_batch([event(**step) for step in VISIT])
    fold(rows, np.zeros(len(VISIT), np.int64), to_columns(batch, np.full(len(VISIT), START)), FoldConfig())
    (found,) = moment_matrix(rows, np.array([START + 50_000]))
    expected = {"age_s": 50, "idle_s": 30, "page_s": 30, "shown_s": 25, "dismissed_s": -1, "decisions": 0}
    assert {name: found[INPUT_PLACE[name]] for name in expected} == expected
    features = dict(zip(FEATURE_NAMES, feature_matrix(rows)[0], strict=True))
    shared = [feature.name for feature in INPUTS if feature.name in features]
    assert len(shared) == len(INPUTS) - 13
    assert all(found[INPUT_PLACE[name]] == features[name] for name in shared)
