"""What goes back, what does not, and why."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dlq.letters import Letter
from services.dlq.plan import Kind, outgoing, plan, planned, refusal
from services.dlq.retried import MarkerUnreadable, Retried, marker_for, read_marker
from services.dlq.sending import BYTES_AT_ONCE, LETTERS_AT_ONCE, batches
from tests.services.dlq.letters import PREFIX, Lying, diverted, letter
from tests.services.dlq.test_history import returned
from topics.table import MAX_DEAD_LETTER_BYTES, MAX_RECORD_BYTES


def kind(one: Letter, *retried: Letter, again: bool = False) -> Kind | None:
    known = Retried()
    for earlier in retried:
        known.add(marker_for(earlier, 1))
    why = refusal(one, known, again=again)
    return None if why is None else why.kind


def test_a_letter_goes_back_once_whatever_is_asked() -> None:
    """--again is for what failed again, not for the same letter."""
    assert kind(letter()) is None
    assert kind(letter(), letter()) is Kind.RETRIED
    assert kind(letter(), letter(), again=True) is Kind.RETRIED


def test_two_letters_of_one_record_go_back_once() -> None:
    """A group that was set back diverts the same record again; only its timestamp tells it from another topic's."""
    assert kind(letter(lies=18), letter(lies=17)) is Kind.RETRIED
    assert kind(letter(lies=18, source=101), letter(lies=17)) is None
    made = plan([letter(lies=17), letter(lies=18)], Retried(), again=False)
    assert [str(place) for place in made.sending] == ["session-event.dlq/3/17"]
    assert [(str(place), why.kind) for place, why in made.refused] == [("session-event.dlq/3/18", Kind.RETRIED)]
    assert made.failures == []


def test_a_letter_of_a_topic_made_anew_is_another() -> None:
    """The same place, and another time: what was sent back is gone with the old topic."""
    anew = diverted(Lying(b"s-0", b"x", at=5), (3, 17), at=6)
    assert kind(anew, letter()) is None


def test_what_failed_again_needs_a_word() -> None:
    """Once is free, more is asked for; the number of times is told."""
    back = returned(letter(), 200, "not_avro")
    assert kind(back, letter()) is Kind.FAILED_AGAIN
    assert kind(back, letter(), again=True) is None
    assert kind(back, letter(), back, again=True) is Kind.RETRIED


def test_what_cannot_go_back_says_why() -> None:
    """No bytes, no source, a deletion nobody asked for, a history that no longer fits."""
    huge = diverted(Lying(b"s-0", b"x" * (MAX_DEAD_LETTER_BYTES + 1)))
    assert kind(huge) is Kind.ONLY_DIGEST
    assert kind(replace(letter(), source=None)) is Kind.NOT_OURS
    assert kind(diverted(Lying(b"c-1", None, of=PREFIX + "mutation"))) is Kind.DELETION
    assert kind(diverted(Lying(b"s-1", None))) is None
    assert kind(letter(b"x" * (MAX_RECORD_BYTES - 300))) is Kind.TOO_LARGE
    failures = plan([huge, letter()], Retried(), again=False).failures
    assert [(place, why.kind) for place, why in failures] == [(huge.place, Kind.ONLY_DIGEST)]


def test_a_record_returns_to_its_partition_while_there_is_one() -> None:
    """The key's other records lie there; a record without key has no other place."""
    back = outgoing(letter(headers=[("theirs", b"x")]), 7, {"session-event": 4})
    assert (back.key, back.value, back.partition) == (b"s-0", b"\x00\xff", 3)
    assert ("theirs", b"x") in (back.headers or [])
    assert outgoing(letter(), 7, {"session-event": 3}).partition is None


def test_what_was_sent_meanwhile_is_left_out() -> None:
    """Between the plan and the sending another may have sent some, and letters nobody was asked about may have come."""
    first, second, later = (letter(lies=number, source=number) for number in (1, 2, 3))
    made = plan([first, second], Retried(), again=False)
    since = Retried()
    since.add(marker_for(first, 1))
    chosen = planned(made, since, again=False)
    assert [chosen(one) for one in (first, second, second, later)] == [False, True, False, False]


@given(st.lists(st.integers(0, BYTES_AT_ONCE // 2), max_size=8))
def test_batches_hold_everything_in_order_and_are_bounded(sizes: list[int]) -> None:
    """No transaction holds more than it can send in its time, one letter apart."""
    values = {size: b"x" * size for size in set(sizes)}
    sent = [letter(values[size], lies=number) for number, size in enumerate(sizes)]
    made = list(batches(sent, lambda one: True))
    assert [one.place for batch in made for one in batch] == [one.place for one in sent]
    assert all(sum(len(one.value or b"") for one in batch) <= BYTES_AT_ONCE for batch in made if len(batch) > 1)


def test_a_batch_has_a_bounded_number_of_letters() -> None:
    """However small they are."""
    made = batches((letter(lies=number) for number in range(2 * LETTERS_AT_ONCE + 1)), lambda one: True)
    assert [len(batch) for batch in made] == [LETTERS_AT_ONCE, LETTERS_AT_ONCE, 1]


def test_a_marker_is_read_as_it_was_written() -> None:
    """By this version and by those that add to it."""
    marker = marker_for(letter(), 9)
    assert read_marker(Lying(marker.key, marker.value)) == marker
    assert read_marker(Lying(marker.key, json.dumps({**json.loads(marker.value), "more": 1}).encode())) == marker


@pytest.mark.parametrize("value", [None, b"", b"{}", b"[]", b"\xff", b'{"letter": 1, "source": "a/1/2"}'])
def test_a_marker_that_cannot_be_read_stops_everything(value: bytes | None) -> None:
    """Something was sent, and it is not known what."""
    with pytest.raises(MarkerUnreadable, match="might be sent twice"):
        read_marker(Lying(b"k", value))
