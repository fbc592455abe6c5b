"""What is typed chooses the letters it names, and nothing else."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from services.dlq.choice import choice, moment
from services.dlq.letters import Place, dead_letter_topics, parse_place
from tests.services.dlq.letters import Lying, diverted, letter
from tests.topics.events import NOON
from topics.errors import ConfigurationError

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("90s", NOON - 90_000),
        ("30m", NOON - HOUR_MS // 2),
        ("2h", NOON - 2 * HOUR_MS),
        ("3d", NOON - 72 * HOUR_MS),
        ("2025-10-09", datetime(2025, 10, 9, tzinfo=timezone.utc)),
        ("2025-10-09T08:30", datetime(2025, 10, 9, 8, 30, tzinfo=timezone.utc)),
        ("2025-10-09T08:30:00Z", datetime(2025, 10, 9, 8, 30, tzinfo=timezone.utc)),
        ("2025-10-09T10:30+02:00", datetime(2025, 10, 9, 8, 30, tzinfo=timezone.utc)),
    ],
)
def test_a_time_is_an_age_or_an_iso_time(written: str, expected: int | datetime) -> None:
    """Ages count back from now; a time without a zone is UTC, whatever the machine's."""
    ms = expected if isinstance(expected, int) else int(expected.timestamp() * 1000)
    assert moment(written, NOON) == ms


@pytest.mark.parametrize("written", ["", "2", "h", "2w", "-2h", "yesterday", "2025-13-01"])
def test_what_is_no_time_is_told(written: str) -> None:
    """The message shows both forms."""
    with pytest.raises(ConfigurationError, match="expected an age"):
        moment(written, NOON)


def test_conditions_hold_together() -> None:
    """A letter must meet every one; the end of a time is left out, its start is not."""
    one = diverted(Lying(b"s-0", b"x"), at=NOON, reason="too_long", stage="validate")
    for fits, given in [
        (True, choice(NOON)),
        (True, choice(NOON, reasons=["not_avro", "too_long"], stages=["validate"], key="s-0")),
        (False, choice(NOON, reasons=["too_long"], stages=["decode"])),
        (False, choice(NOON, key="s-1")),
        (True, choice(NOON, since="0s")),
        (False, choice(NOON, until="0s")),
        (False, choice(NOON + 1, since="0s")),
        (True, choice(NOON + HOUR_MS, since="2h", until="30m")),
    ]:
        assert given(one) is fits, given


def test_a_topic_is_named_by_itself_or_by_its_letters_and_all_are_meant_otherwise() -> None:
    """Twice the same is once; every topic that agents read has letters."""
    assert choice(0, topics=["mutation", "mutation.dlq", "tombstone"]).topics == ("mutation.dlq", "tombstone.dlq")
    assert choice(0).topics == dead_letter_topics()
    assert {"session-event.dlq", "reward-delta.dlq"} <= set(dead_letter_topics())
    with pytest.raises(ConfigurationError, match="'intervention' has no dead letters; those that agents read"):
        choice(0, topics=["intervention"])


@pytest.mark.parametrize("written", ["", "session-event.dlq", "session-event.dlq/3", "session-event.dlq/a/1", "x/1/2"])
def test_what_is_no_id_is_told(written: str) -> None:
    """An id names topic, partition and offset of a letter."""
    with pytest.raises(ConfigurationError):
        parse_place(written)


def test_an_id_is_what_is_printed() -> None:
    """What `list` prints is what `show` takes."""
    one = letter()
    assert str(one.place) == "session-event.dlq/3/17"
    assert parse_place(str(one.place)) == one.place == Place("session-event.dlq", 3, 17)
    assert choice(0, ids=[str(one.place)] * 2).ids == (one.place,)
    with pytest.raises(ConfigurationError, match="give one of them"):
        choice(0, ids=[str(one.place)], topics=["mutation"])
