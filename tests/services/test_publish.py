"""What people write by hand is checked line by line, and never crashes the one who reads it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.checking import Checked, Checker, Refused
from services.lines import Line, lines
from services.publishing import BY_HAND
from tests.topics.events import ENCODER, event
from topics.table import TOPICS

CHECKER = Checker(TOPICS["session-event"])


class InPieces(io.BytesIO):
    """Bytes that come in pieces of a given size, as from a slow pipe."""

    def __init__(self, content: bytes, piece: int) -> None:
        super().__init__(content)
        self._piece = piece

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self._piece)


def checked(*contents: bytes, topic: str = "session-event") -> list[Checked | Refused]:
    given_lines = [Line(number, content, True) for number, content in enumerate(contents, 1)]
    return Checker(TOPICS[topic]).check(given_lines)


def line(**fields: Any) -> bytes:
    return json.dumps(event(1, **fields)).encode()


def refusal(content: bytes) -> str:
    (one,) = checked(content)
    assert isinstance(one, Refused)
    return one.message


@given(st.lists(st.binary(max_size=12).filter(lambda one: b"\n" not in one)), st.integers(1, 9), st.integers(1, 10))
def test_lines_do_not_depend_on_how_the_bytes_come(contents: list[bytes], piece: int, limit: int) -> None:
    """Numbered from 1, cut at the limit and marked so, wherever a read ends."""
    source = InPieces(b"".join(one + b"\n" for one in contents), piece)
    found = [one for some in lines(source, limit) for one in some]
    assert found == [Line(number, one[:limit], len(one) <= limit) for number, one in enumerate(contents, 1)]


def test_a_last_line_without_an_end_counts() -> None:
    """Files often end so."""
    assert [one for some in lines(InPieces(b"a\nb", 1)) for one in some] == [Line(1, b"a", True), Line(2, b"b", True)]


def test_a_slow_pipe_is_followed() -> None:
    """A line is there as soon as its end has come, however much follows."""
    assert next(some for some in lines(InPieces(b"a\n" + b"b" * 100_000, 2)) if some) == [Line(1, b"a", True)]


def test_a_good_line_is_what_any_producer_writes() -> None:
    """Key and value are those of the encoder."""
    assert checked(b"  ", line()) == [Checked(2, "s-0", ENCODER.encode(event(1)))]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xff{}", "expected UTF-8"),
        (b"[1]", "expected a JSON object"),
        (b"{", "expected a JSON object"),
        (b"NaN", "found NaN; expected a finite number"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "expected a JSON object"),
        (b"{}", "found no field event_id"),
        (line(colour="red"), "found field 'colour'"),
        (line(price=True), "field price"),
        (line(quantity=1.5), "field quantity"),
        (line(type="dance"), "field type; expected a symbol"),
        (line(scroll_depth=7.0), "found 7.0 in field scroll_depth; expected 0 to 1"),
        (line().replace(b'"event_id"', b'"price": -Infinity, "event_id"'), "found -Infinity"),
        (line().replace(b'"event_id"', b'"price": 1e999, "event_id"'), "found inf in field price"),
        (line(session=""), "found 0 bytes in field session_id"),
        (line(session="\0watermark"), "does not begin with NUL"),
        (line(page_id="\ud800"), "field page_id"),
        (line(event_id="e" * 65), "found 65 bytes in field event_id"),
        (line(occurred_at=2**70), "field occurred_at"),
    ],
)
def test_a_bad_line_is_told_apart(content: bytes, told: str) -> None:
    """What was found and what was expected, in a sentence of bounded length; the neighbours come through."""
    assert told in refusal(content)
    assert len(refusal(content)) < 600
    around = checked(line(), content, line())
    assert [type(one) for one in around] == [Checked, Refused, Checked]
    assert [one.line for one in around] == [1, 2, 3]


def test_a_huge_line_is_refused_unread() -> None:
    """Its first bytes alone would be no record; the message says why."""
    (one,) = Checker(TOPICS["session-event"]).check([Line(3, b'{"', False)])
    assert isinstance(one, Refused)
    assert one.message.startswith("found a line of more than 1048576 bytes")


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(event(1))), inner, max_size=9)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_line_crashes(content: bytes) -> None:
    """Whatever it holds, a line is refused, blank, or a record."""
    assert all(isinstance(one, Refused) for one in CHECKER.check([Line(1, content.replace(b"\n", b""), True)]))


def test_only_topics_that_people_write_are_taken() -> None:
    """Every other topic has its one writer."""
    assert {"session-event", "mutation", "tombstone", "site-config"} == BY_HAND
