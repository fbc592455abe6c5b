"""Recorded sessions are read whole, or refused with the line that is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.replaying import jsonl_events, otto_events
from tests.reference.otto import read_events
from tests.topics.events import event
from topics.errors import ConfigurationError


def test_otto_sessions_are_those_of_the_reference(data: Path) -> None:
    """Two readers of the file, written apart, give the same events in the same order."""
    file = data / "otto" / "sessions.jsonl"
    ours = [{key: value for key, value in timed.event.items() if value is not None} for timed in otto_events(file)]
    theirs = [{key: value for key, value in one.items() if value is not None} for one in read_events(file)]
    assert ours == theirs


def test_session_events_are_sorted_by_arrival(tmp_path: Path) -> None:
    """JSON lines may come in any order."""
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(json.dumps(event(number)) for number in (3, 1, 2)))
    assert [timed.event["event_id"] for timed in jsonl_events(file)] == ["e-1", "e-2", "e-3"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", r"sessions:2: not JSON"),
        ("[]", r"sessions:2: expected a JSON object, found list"),
        ('{"session": 1}', r"sessions:2: not an OTTO session \(KeyError"),
        ('{"session": 1, "events": [{"aid": 1, "ts": 2, "type": "looks"}]}', r"sessions:2: not an OTTO session"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, told: str) -> None:
    """The error names file and line, what was found and what is expected."""
    file = tmp_path / "sessions"
    file.write_text('{"session": 1, "events": []}\n' + line)
    with pytest.raises(ConfigurationError, match=told):
        otto_events(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is one that cannot be opened."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        jsonl_events(tmp_path / "none")
