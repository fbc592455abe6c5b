"""Conditions as people type them mean what they look like, and nothing is ever evaluated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.filters import condition
from topics.errors import ConfigurationError

RECORD: dict[str, Any] = {
    "tier": "ACTIVE",
    "session_id": "123",
    "seq": 7,
    "clarity": 0.5,
    "page": None,
    "consent": {"analytics": True},
    "containers": ["c-1", "c-2"],
    "attributes": {"a b": "x=y"},
}


@pytest.mark.parametrize(
    ("written", "holds"),
    [
        ("tier=ACTIVE", True),
        ("tier==ACTIVE", True),
        ("tier = ACTIVE", True),
        ("tier=NUDGE", False),
        ("tier!=NUDGE", True),
        ("tier!=ACTIVE", False),
        ("session_id=123", True),
        ("session_id>100", False),
        ("seq=7", True),
        ("seq=7.0", True),
        ("seq=1", False),
        ("seq>6", True),
        ("seq>7", False),
        ("seq>=7", True),
        ("seq<8", True),
        ("seq<=6", False),
        ("clarity>=0.5", True),
        ("page=null", True),
        ("page!=null", False),
        ("consent.analytics=true", True),
        ("consent.analytics=1", False),
        ("consent.analytics>0", False),
        ('consent={"analytics": true}', True),
        ("containers.1=c-2", True),
        ("containers.2=c-3", False),
        ("attributes.a b=x=y", True),
        ("none=1", False),
        ("none!=1", False),
        ("tier.none=1", False),
        ("__class__.__name__!=x", False),
    ],
)
def test_a_condition_means_what_it_looks_like(written: str, holds: bool) -> None:
    """Text is compared as typed, all else as JSON, order is for numbers, and what is missing meets nothing."""
    assert condition(written)(RECORD) is holds


@pytest.mark.parametrize("written", ["", "tier", "=1", "seq>many", "seq<", "a!b"])
def test_what_is_no_condition_is_refused_with_an_example(written: str) -> None:
    """The message quotes what was typed and shows how it is done."""
    with pytest.raises(ConfigurationError, match=r"found the condition .* expected"):
        condition(written)


@given(st.text())
def test_no_text_does_anything_else(written: str) -> None:
    """It is a condition, which holds or not, or it is refused."""
    try:
        holds = condition(written)(RECORD)
    except ConfigurationError:
        return
    assert holds in (True, False)
