"""Evaluations of every kind, for properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from models.actions import TIER_OF_ACTION
from models.ava.catalog import installed_catalog
from models.ava.history import NEVER_S
from models.ava.profiles import PROFILE_NAMES
from models.ava.sites import MODES, SiteContext
from models.behaviour.moment import INPUT_PLACE, INPUTS
from schemas.vocabulary import DEVICES, PAGE_TYPES, SOURCES
from tests.models.ava.cases import past, row_of

NUMBERS = (0, *sorted(installed_catalog().by_number))
LIKELY = sorted({term.feature for friction in installed_catalog().frictions for term in friction.when})
"""Features that frictions look at."""

_one = st.integers(0, 2**32 - 1)
_since = st.just(NEVER_S) | st.floats(0, 400, width=32)

sites = st.builds(
    SiteContext,
    site_id=st.sampled_from(["a", "b"]),
    mode=st.sampled_from(MODES),
    profile=st.sampled_from(PROFILE_NAMES),
    kill_switch=st.booleans(),
    opted_in=st.booleans(),
    holdout_share=st.floats(0.01, 0.2),
    forbidden_actions=st.frozensets(st.sampled_from(sorted(TIER_OF_ACTION)), max_size=4),
    sessions=st.integers(0, 200),
)
buckets = st.integers(0, 9_999)


@st.composite
def rows(draw: st.DrawFn) -> npt.NDArray[np.float32]:
    """float32[128]: one page type, device and source; a few features that frictions and gates read set high or low."""
    told: dict[str, Any] = dict.fromkeys((f"page_type.{name}" for name in PAGE_TYPES), 0)
    told |= dict.fromkeys((f"device.{name}" for name in DEVICES), 0)
    told |= dict.fromkeys((f"source.{name}" for name in SOURCES), 0)
    told[f"page_type.{draw(st.sampled_from(PAGE_TYPES))}"] = 1
    told[f"device.{draw(st.sampled_from(DEVICES))}"] = 1
    told[f"source.{draw(st.sampled_from(SOURCES))}"] = 1
    flags = [name for name in LIKELY if INPUTS[INPUT_PLACE[name]].unit == "0/1" and name not in told]
    counts = [name for name in LIKELY if name not in told and name not in flags]
    told |= dict.fromkeys(draw(st.sets(st.sampled_from(flags), max_size=4)), 1)
    told |= draw(st.dictionaries(st.sampled_from(counts), st.floats(0, 200, width=32), max_size=6))
    told["age_s"] = draw(st.floats(0, 4_000, width=32))
    told["cart_value"] = draw(st.floats(0, 900, width=32))
    told["count.intervention_dismissed"] = draw(st.sampled_from([0, 0, 0, 1, 2, 5]))
    told["dismissed_s"] = draw(st.floats(0, 900, width=32))
    return row_of(told)


@st.composite
def histories(draw: st.DrawFn) -> npt.NDArray[np.void]:
    """HISTORY_DTYPE[1]."""
    return past(
        handled=draw(st.lists(st.sampled_from(NUMBERS), max_size=4)),
        raised=draw(st.lists(st.sampled_from((89, 94, 212)), max_size=2)),
        decisions=draw(st.integers(0, 9)),
        loud=draw(st.integers(0, 8)),
        active=draw(st.integers(0, 3)),
        nudge=draw(st.integers(0, 5)),
        since_any_s=draw(_since),
        since_active_s=draw(_since),
        since_nudge_s=draw(_since),
    )
