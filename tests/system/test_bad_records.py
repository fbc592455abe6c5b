"""Bad input never crashes a worker and never vanishes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from schemas.encoder import Encoder
from schemas.record_type import record_type
from tests.reference.config import Config
from tests.system.ledger import assert_consistent, read_ledger
from tests.system.outcome import assert_equal, found
from tests.system.reading import read_topic
from tests.system.refolded import refold
from tests.system.stream import stream_on
from tests.topics.events import ENCODER, NOON, event, publish_raw
from topics.consuming import header

RECORDS = 10_000
HEADER_BYTES = 10
"""Of the single-object encoding: marker and fingerprint."""

Raw = tuple[bytes | None, bytes | None]


class Bad(NamedTuple):
    """A way to be bad: the reason it must be given, and how to make it of a good event."""

    reason: str
    make: Callable[[dict[str, Any]], Raw]


def encoded(good: dict[str, Any], **fields: Any) -> Raw:
    return good["session_id"].encode(), ENCODER.encode({**good, **fields})


def with_type_index(good: dict[str, Any], index: int) -> bytes:
    """The record with the symbol of `type` replaced by another index: its one byte stands behind what precedes it."""
    plain, other = ENCODER.encode({**good, "type": "page_view"}), ENCODER.encode({**good, "type": "page_ping"})
    at = next(position for position, (a, b) in enumerate(zip(plain, other, strict=True)) if a != b)
    return plain[:at] + bytes([index * 2]) + plain[at + 1 :]


def delta_of(good: dict[str, Any]) -> bytes:
    zeros = (
        "visits",
        "converted_visits",
        "orders",
        "order_lines",
        "folded",
        "late",
        "duplicate",
        "undecided",
        "capped",
    )
    record = {"site_id": "shop", "source_topic": "t", "source_partition": 0, "watermark": 0, "unconsented": 0}
    return Encoder(record_type("site-delta")).encode({**record, **dict.fromkeys(zeros, 0)})


WAYS = (
    Bad("not_avro", lambda good: (good["session_id"].encode(), b'{"type": "click"}')),
    Bad("wrong_type", lambda good: (good["session_id"].encode(), delta_of(good))),
    Bad("truncated", lambda good: (good["session_id"].encode(), ENCODER.encode(good)[:-3])),
    Bad("trailing_bytes", lambda good: (good["session_id"].encode(), ENCODER.encode(good) + b"\0\1")),
    Bad("enum_out_of_range", lambda good: (good["session_id"].encode(), with_type_index(good, 40))),
    Bad("not_finite", lambda good: encoded(good, price=float("nan"))),
    Bad("out_of_range", lambda good: encoded(good, occurred_at=17, sent_at=17)),
    Bad("too_long", lambda good: encoded(good, page_id="/" * 1_030_000)),
    Bad("empty_key", lambda good: (None, ENCODER.encode(good))),
    Bad("null_value", lambda good: (good["session_id"].encode(), None)),
)


def test_every_good_record_takes_effect_and_every_bad_one_is_kept(kafka: str, tmp_path: Path) -> None:
    """Of 10,000 records 1 % are bad in ten ways: each is a dead letter with its reason, byte for byte."""
    draw = random.Random(11)
    bad_at = {number: WAYS[position % len(WAYS)] for position, number in enumerate(draw.sample(range(RECORDS), 100))}
    records, bad = list[Raw](), list[tuple[str, Raw]]()
    for number in range(RECORDS):
        good = event(number * 100, f"s-{draw.randrange(500)}", received_at=NOON + number * 100)
        if number in bad_at:
            way = bad_at[number]
            bad.append((way.reason, way.make(good)))
        records.append(bad[-1][1] if number in bad_at else encoded(good))
    with stream_on(kafka, tmp_path) as stream:
        settings = stream.settings
        publish_raw(kafka, settings.prefix + "session-event", records)
        stream.start("only")
        stream.until_read()
        letters = [letter for some in read_topic(settings, "session-event.dlq").values() for letter in some]
        told = [((header(letter, "lamstream.error.reason") or b"").decode(), letter) for letter in letters]
        assert Counter(reason for reason, _ in told) == dict.fromkeys((way.reason for way in WAYS), 10)
        assert sorted((reason, letter.key() or b"", letter.value() or b"") for reason, letter in told) == sorted(
            (reason, key or b"", value or b"") for reason, (key, value) in bad
        )
        there, wanted = found(settings), refold(settings, Config(clock="event"), bad={raw for _, raw in bad})
        assert sum(sums["folded"] for sums in there.sums.values()) == RECORDS - len(bad)
        assert_equal(there, wanted.outcome)
        assert_consistent(read_ledger(settings), wanted)
