"""What letters hold is shown, and can do nothing to the terminal."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dlq.exporting import export
from services.dlq.letters import Letter
from services.dlq.retried import Retried, marker_for
from services.dlq.summary import counts, line, told_in_short, told_whole
from services.dlq.text import DUMP_BYTES, told_at_length
from tests.services.dlq.letters import Lying, diverted, letter
from tests.topics.events import NOON
from topics.errors import ConfigurationError
from topics.table import MAX_DEAD_LETTER_BYTES

NASTY = "\x1b[2J\x07\r\x9b\u202e\x7f\x00"


@given(st.binary(max_size=80) | st.text(max_size=40).map(str.encode), st.text(max_size=20), st.text(max_size=20))
def test_no_control_character_gets_out(value: bytes, name: str, told: str) -> None:
    """Neither from key, value and headers nor from what the stream said of them."""
    headers = [(name, told.encode()), (NASTY, NASTY.encode())]
    record = Lying(NASTY.encode(), value, headers)
    one = diverted(record, reason=told, stage=told)
    lines = [*told_at_length(one, None, None), line(told_in_short(one, Retried()))]
    assert [text for text in lines if not text.isprintable()] == []


def test_text_is_shown_as_text_and_bytes_as_bytes() -> None:
    """A JSON value reads as it was sent; what is no text is dumped, and cut with a word on the rest."""
    shown = "\n".join(told_at_length(letter(b'{\n "a": 1}'), None, None))
    assert '    {\n     "a": 1}' in shown
    dump = list(told_at_length(letter(b"\xff" + b"A" * DUMP_BYTES), None, None))
    assert dump[-2].startswith("    000001f0  41 41")
    assert dump[-1] == "    ... 1 more bytes: --raw FILE writes them all"
    assert "00000000  ff 41" in "\n".join(dump)


def test_a_letter_says_where_its_record_stood_and_whether_it_went_back() -> None:
    """Place, time and reason, and the fields where the value decodes."""
    one = letter()
    shown = "\n".join(told_at_length(one, {"site_id": "\x1b"}, marker_for(one, NOON)))
    assert "reason    not_avro, at decode" in shown
    assert "source    session-event/3/100, of 2025-10-09T08:53:20.000Z" in shown
    assert "retried   2025-10-09T08:53:20.000Z, from session-event.dlq/3/17" in shown
    assert '"site_id": "\\u001b"' in shown
    huge = diverted(Lying(b"k", b"x" * (MAX_DEAD_LETTER_BYTES + 1)))
    assert f"not here: {MAX_DEAD_LETTER_BYTES + 1} bytes" in "\n".join(told_at_length(huge, None, None))


def test_letters_are_counted_by_topic_stage_and_reason() -> None:
    """With the first and the last time, the newest as the example, and how many went back."""
    records = [(b"a", 1, "not_avro"), (b"b", 3, "not_avro"), (b"c", 2, "not_avro"), (b"d", 9, "too_long")]
    found = [
        diverted(Lying(key, b"", where=(0, number)), (0, number), at=at, reason=reason)
        for number, (key, at, reason) in enumerate(records)
    ]
    retried = Retried()
    retried.add(marker_for(found[0], 1))
    first, second = counts(found, retried)
    assert first == {
        "topic": "session-event.dlq",
        "reason": "not_avro",
        "stage": "decode",
        "letters": 3,
        "retried": 1,
        "first": 1,
        "last": 3,
        "example": "session-event.dlq/0/1",
    }
    assert (second["reason"], second["letters"]) == ("too_long", 1)


def test_an_export_holds_every_byte(tmp_path: Path) -> None:
    """JSON lines and a folder hold the same objects; the folder the values too."""
    found = [letter(b"\x00\xff", [("theirs", b"\x01"), ("theirs", b"\x02")]), replace(letter(lies=18), value=None)]
    file, folder = tmp_path / "letters.jsonl", tmp_path / "letters"
    assert export(found, file) == export(found, folder) == 2
    objects = [json.loads(text) for text in file.read_text().splitlines()]
    assert objects == [told_whole(one) for one in found]
    assert [base64.b64decode(value) for name, value in objects[0]["headers"] if name == "theirs"] == [b"\x01", b"\x02"]
    assert (base64.b64decode(objects[0]["value_base64"]), objects[1]["value_base64"]) == (b"\x00\xff", None)
    assert sorted(path.name for path in folder.iterdir()) == [
        "session-event.dlq-3-17.bin",
        "session-event.dlq-3-17.json",
        "session-event.dlq-3-18.json",
    ]
    assert (folder / "session-event.dlq-3-17.bin").read_bytes() == b"\x00\xff"
    assert json.loads((folder / "session-event.dlq-3-17.json").read_text()) == objects[0]


def test_an_export_overwrites_nothing_and_leaves_nothing_half(tmp_path: Path) -> None:
    """A file that is there is refused; one that could not be ended is not there."""
    file = tmp_path / "letters.jsonl"

    def broken() -> Iterator[Letter]:
        yield letter()
        raise ConfigurationError("the broker is gone")

    with pytest.raises(ConfigurationError, match="the broker is gone"):
        export(broken(), file)
    assert not file.exists()
    export([letter()], file)
    with pytest.raises(ConfigurationError, match="name a new file"):
        export([], file)
    assert len(file.read_text().splitlines()) == 1
