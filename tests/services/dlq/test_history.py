"""A record goes back as it came, and what happened to it goes with it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.dlq.history import ATTEMPT, FIRST, HISTORY, headers_with_history, history_of
from services.dlq.letters import Letter
from tests.services.dlq.letters import PREFIX, Lying, diverted, letter
from topics.consuming import RecordHeaders

OWN = [("theirs", b"\x00\xff"), ("theirs", b"twice"), ("ce_id", b"1")]


def returned(one: Letter, offset: int, reason: str) -> Letter:
    """The letter that a record becomes which was sent back and failed again, at another offset of its topic."""
    headers = [(name, value) for name, value in headers_with_history(one, 1_000 + offset) if isinstance(value, bytes)]
    record = Lying(one.key, one.value, headers, where=(3, offset))
    return diverted(record, (3, offset - 50), reason=reason)


def test_a_record_goes_back_with_its_headers_and_one_entry_more_each_time() -> None:
    """How often, where first, and each letter with its reason; headers of the producer stay, repeated ones too."""
    first = letter(headers=OWN)
    again = returned(first, 200, "too_long")
    third = dict(headers_with_history(again, 9_999))
    assert again.producers_headers == first.producers_headers == OWN
    assert (third[ATTEMPT], third[FIRST]) == (b"2", b"session-event/3/100")
    (entry,) = history_of(again)
    assert entry == {
        "letter": "session-event.dlq/3/17",
        "diverted_at": first.timestamp,
        "source": "session-event/3/100",
        "reason": "not_avro",
        "stage": "decode",
        "retried_at": 1_200,
    }
    entries = history_of(returned(again, 300, "malformed"))
    assert [(one["letter"], one["source"], one["reason"]) for one in entries] == [
        ("session-event.dlq/3/17", "session-event/3/100", "not_avro"),
        ("session-event.dlq/3/150", "session-event/3/200", "too_long"),
    ]


@given(st.binary(max_size=40))
def test_a_history_that_cannot_be_read_is_not_taken_for_none(written: bytes) -> None:
    """Otherwise a record could be sent back on and on without anybody's word."""
    assert len(history_of(letter(headers=[(HISTORY, written)]))) >= 1


@given(st.lists(st.tuples(st.text(max_size=12), st.binary(max_size=12)), max_size=5))
def test_only_headers_of_ours_are_taken_off(headers: RecordHeaders) -> None:
    """Whatever a producer wrote goes back to its topic in its order."""
    assert letter(headers=[*headers, ("lamstream.error.reason", b"forged")]).producers_headers == headers
    assert letter(headers=[("lamstream.error.reason", b"forged")]).reason == "not_avro"


def test_a_letter_that_no_worker_wrote_has_no_source() -> None:
    """Nor has one whose headers name another topic than the one that the letters are of."""
    assert letter().source == ("session-event", 3, 100)
    assert diverted(Lying(b"k", b"v", of=PREFIX + "mutation")).source == ("mutation", 3, 100)
    elsewhere = diverted(Lying(b"k", b"v", of="other-session-event"))
    assert elsewhere.source is None
