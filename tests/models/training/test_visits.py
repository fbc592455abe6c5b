"""Events grouped into visits."""

from __future__ import annotations

from models.behaviour.config import FoldConfig
from models.training.visits import visits_of
from tests.models.behaviour.events import NO_CONSENT, NO_PERSONALIZATION, event


def test_events_are_grouped_by_session_in_their_order() -> None:
    """Interleaved events of two sessions become two visits."""
    events = [event(session_id=s, at_s=at) for at, s in enumerate("abba")]
    assert list(visits_of(events)) == [[events[0], events[3]], [events[1], events[2]]]


def test_a_session_is_split_where_the_fold_splits_it() -> None:
    """By 30 min of silence, and at 24 h."""
    config = FoldConfig()
    gap_s, longest_s = config.gap_ms / 1000, config.longest_ms / 1000
    assert [len(v) for v in visits_of(event(at_s=at) for at in (0, gap_s - 1, 2 * gap_s - 1))] == [2, 1]
    steady = [event(at_s=at) for at in range(0, int(longest_s) + 1, 600)]
    assert [len(v) for v in visits_of(steady)] == [len(steady) - 1, 1]


def test_sessions_without_consent_are_left_out() -> None:
    """One event without analytics or personalization consent leaves the whole session out."""
    for consent in (NO_CONSENT, NO_PERSONALIZATION):
        found = list(visits_of([event(), event(consent=consent), event(session_id="other")]))
        assert [one["session_id"] for visit in found for one in visit] == ["other"]
