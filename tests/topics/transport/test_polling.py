"""What a poll brought, less what took effect already."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.topics.raw import Raw
from topics.transport.polling import Polled, came_again, unread

OFFSETS = st.lists(st.integers(0, 12), min_size=1, max_size=20)


def polled(offsets: list[int]) -> Polled:
    return Polled({("session-event", 0): [Raw(b"k", b"v", where=(0, offset)) for offset in offsets]}, {})


@given(OFFSETS, st.integers(0, 14))
def test_each_record_is_left_once_in_order_from_the_position_on(offsets: list[int], position: int) -> None:
    """Whatever came twice, whatever was before; a partition of which nothing is left is not named."""
    left = unread(polled(offsets), lambda _: position).records
    expected = sorted({offset for offset in offsets if offset >= position})
    assert [[record.offset() for record in records] for records in left.values()] == ([expected] if expected else [])


@given(OFFSETS, st.integers(0, 14))
def test_what_begins_below_the_position_came_again(offsets: list[int], position: int) -> None:
    """A consumer hands on in order, but for what it handed on before an assignment."""
    assert came_again(polled(offsets), lambda _: position) == (offsets[0] < position)
