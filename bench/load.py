"""Session events of the standard job, as fast as they go or at a rate: `python -m bench.load`.

100,000 sessions are live at any time, their popularity Zipf-distributed (s = 1). A session ends after 15 minutes of
event time or 2,000 events and makes room for a new one of the same popularity, so that no session grows beyond a
visit's cap. Encoding is cheap because each session plays one of a few hundred journeys encoded before: only ids,
sequence numbers and times are put into the gaps. Event time advances at the rate given, whether the events are written
ahead or paced.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from bench.journeys import EVENTS_A_JOURNEY, Event, journey

SCHEMA_FILE = Path(__file__).parents[1] / "schemas" / "avsc" / "session-event.avsc"
JOURNEYS = 256
CHUNK = 10_000  # records encoded at a time
FLUSH_TIMEOUT_S = 120.0
ID_CHARS = 32

# Marks in an encoded template, as long as what replaces them.
EVENT_ID = "\x01" * ID_CHARS
SESSION_ID = "\x02" * ID_CHARS
SEQ_MARK = 1 << 39  # 6 bytes as a varint, like the times
TIME_MARK = (1 << 40) + 1


@dataclass(frozen=True)
class LoadShape:
    """What the events look like."""

    sessions: int = 100_000
    zipf_s: float = 1.0
    events_per_s: float = 20_000.0  # of event time
    session_s: float = 900.0  # event time after which a session is replaced
    session_events: int = 2_000  # events after which it is replaced
    duplicates: float = 0.005  # share of events sent twice
    transit_ms: int = 40  # from occurred_at to sent_at, and again to received_at


class Record(NamedTuple):
    key: bytes
    value: bytes


def schema_json() -> Any:
    return json.loads(SCHEMA_FILE.read_text())


def single_object_header(schema: Any) -> bytes:
    """C3 01 and the little-endian CRC-64-AVRO fingerprint of the schema's parsing canonical form."""
    digest: str = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(digest)


def varint(number: int) -> bytes:
    """A long as Avro encodes it: zigzag, seven bits a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while rest > 0x7F:
        encoded.append((rest & 0x7F) | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def time_bytes(times_ms: npt.NDArray[np.int64]) -> bytes:
    """The varints of many times, 6 bytes each: enough and exact for any time from 1987 to 2039."""
    rest = (times_ms << 1).astype(np.uint64)
    shifts = np.arange(0, 42, 7, dtype=np.uint64)
    septets = ((rest[:, None] >> shifts) & np.uint64(0x7F)).astype(np.uint8)
    septets[:, :5] |= 0x80
    encoded: bytes = septets.tobytes()
    return encoded


class Template(NamedTuple):
    """An encoded event, cut open at: event id, session id, seq, the three times."""

    before_id: bytes
    before_session: bytes
    before_seq: bytes
    before_times: bytes
    between_times: bytes  # the union branch of received_at
    rest: bytes


def cut(schema: Any, header: bytes, event: Event) -> Template:
    """Encode the event with marks, framed, and cut it at the marks."""
    marks = {"event_id": EVENT_ID, "session_id": SESSION_ID, "seq": SEQ_MARK}
    times = {"occurred_at": TIME_MARK, "sent_at": TIME_MARK, "received_at": TIME_MARK}
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, {**event, **marks, **times})
    encoded = header + out.getvalue()
    before_id, encoded = encoded.split(EVENT_ID.encode())
    before_session, encoded = encoded.split(SESSION_ID.encode())
    before_seq, encoded = encoded.split(varint(SEQ_MARK))
    before_times, nothing, between_times, rest = encoded.split(varint(TIME_MARK))
    assert nothing == b""
    return Template(before_id, before_session, before_seq, before_times, between_times, rest)


def popularity(shape: LoadShape) -> npt.NDArray[np.float64]:
    """Cumulative share of the events of the sessions, most popular first; float64[sessions]."""
    weights = 1.0 / np.arange(1, shape.sessions + 1) ** shape.zipf_s
    cumulative: npt.NDArray[np.float64] = np.cumsum(weights)
    cumulative /= cumulative[-1]
    return cumulative


class Load:
    """An endless, repeatable sequence of session events, from `start_ms` on."""

    def __init__(self, seed: int, start_ms: int, shape: LoadShape | None = None, journeys: int = JOURNEYS) -> None:
        self.shape = shape or LoadShape()
        self._rng = np.random.default_rng(seed)
        self._start_ms = start_ms
        schema = fastavro.parse_schema(schema_json())
        header = single_object_header(schema_json())
        self._journeys = [[cut(schema, header, e) for e in journey(seed * 100_003 + n)] for n in range(journeys)]
        self._popularity = popularity(self.shape)
        self._seq = [varint(n) for n in range(self.shape.session_events)]
        self._made = 0
        sessions = self.shape.sessions
        # Ages are spread at the start, so that sessions do not all end together.
        self._ends = (start_ms + self._rng.random(sessions) * self.shape.session_s * 1000).tolist()
        self._ids = self._new_ids(sessions)
        self._plays = self._rng.integers(0, journeys, sessions).tolist()
        self._counts = [0] * sessions

    def begin_at(self, start_ms: int) -> None:
        """Move every clock of the load, which made nothing yet: preparing it takes a while."""
        self._ends = [end + start_ms - self._start_ms for end in self._ends]
        self._start_ms = start_ms

    def _new_ids(self, count: int) -> list[bytes]:
        text = self._rng.bytes(count * ID_CHARS // 2).hex().encode()
        return [text[i : i + ID_CHARS] for i in range(0, len(text), ID_CHARS)]

    def _renew(self, session: int, now_ms: int) -> None:
        self._ids[session] = self._new_ids(1)[0]
        self._plays[session] = int(self._rng.integers(0, len(self._journeys)))
        self._counts[session] = 0
        self._ends[session] = now_ms + self.shape.session_s * 1000

    def chunk(self, count: int = CHUNK) -> list[Record]:
        """The next records, in the order of their times."""
        shape = self.shape
        sessions = np.searchsorted(self._popularity, self._rng.random(count)).tolist()
        numbers = np.arange(self._made, self._made + count)
        self._made += count
        occurred = (self._start_ms + numbers * (1000.0 / shape.events_per_s)).astype(np.int64)
        at = time_bytes(occurred)
        sent = time_bytes(occurred + shape.transit_ms)
        received = time_bytes(occurred + 2 * shape.transit_ms)
        event_ids = self._new_ids(count)
        again = (self._rng.random(count) < shape.duplicates).tolist()
        now = occurred.tolist()
        records: list[Record] = []
        # The one loop over records: what a session sends next depends on what it sent before.
        for i, session in enumerate(sessions):
            number = self._counts[session]
            if number >= shape.session_events or now[i] >= self._ends[session]:
                self._renew(session, now[i])
                number = 0
            self._counts[session] = number + 1
            parts = self._journeys[self._plays[session]][number % EVENTS_A_JOURNEY]
            session_id = self._ids[session]
            j = 6 * i
            value = b"".join(
                (
                    parts.before_id,
                    event_ids[i],
                    parts.before_session,
                    session_id,
                    parts.before_seq,
                    self._seq[number],
                    parts.before_times,
                    at[j : j + 6],
                    sent[j : j + 6],
                    parts.between_times,
                    received[j : j + 6],
                    parts.rest,
                )
            )
            records.append(Record(session_id, value))
            if again[i]:
                records.append(records[-1])
        return records


def load_producer(bootstrap: str) -> Producer:
    """A producer for bulk: large batches, zstd, keys placed as Java's producers place them."""
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "compression.type": "zstd",
            "linger.ms": 20,
            "batch.size": 500_000,
            "queue.buffering.max.messages": 500_000,
            "queue.buffering.max.kbytes": 1 << 20,
        }
    )


def _send(producer: Producer, topic: str, records: list[Record]) -> None:
    messages = [{"key": record.key, "value": record.value} for record in records]
    while messages:
        with suppress(BufferError):  # the messages concerned are marked with an error
            producer.produce_batch(topic, messages)
        messages = [m for m in messages if m.pop("_error", None) is not None]
        producer.poll(0.05 if messages else 0)


def write_ahead(bootstrap: str, topic: str, count: int, seed: int, shape: LoadShape | None = None) -> int:
    """Write at least `count` records as fast as they go, ending about now in event time; how many were written."""
    shape = shape or LoadShape()
    start_ms = int(time.time() * 1000 - count / shape.events_per_s * 1000)
    load, producer, written = Load(seed, start_ms, shape), load_producer(bootstrap), 0
    while written < count:
        records = load.chunk(min(CHUNK, count - written))
        _send(producer, topic, records)
        written += len(records)
    _flush(producer)
    return written


def paced_counts(rate: float, clock: Iterator[float]) -> Iterator[int]:
    """How many records are due at each reading of the clock, so that the sum keeps to the rate whatever the delays."""
    start, sent = next(clock), 0
    for now in clock:
        due = int((now - start) * rate) - sent
        sent += due
        yield due


def write_paced(bootstrap: str, topic: str, rate: float, seconds: float, seed: int) -> int:
    """Write `rate` records a second for `seconds`, spread evenly; how many were written."""
    load = Load(seed, int(time.time() * 1000), LoadShape(events_per_s=rate, duplicates=0.0))
    producer = load_producer(bootstrap)
    load.begin_at(int(time.time() * 1000))

    def clock() -> Iterator[float]:
        start = time.monotonic()
        while (now := time.monotonic()) - start < seconds:
            yield now
            time.sleep(0.005)

    written = 0
    for due in paced_counts(rate, clock()):
        if due:
            records = load.chunk(due)
            _send(producer, topic, records)
            written += len(records)
    _flush(producer)
    return written


def _flush(producer: Producer) -> None:
    left = producer.flush(FLUSH_TIMEOUT_S)
    if left:
        raise RuntimeError(f"{left} records were not taken by the broker in {FLUSH_TIMEOUT_S:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="write session events to a topic")
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("--count", type=int, default=100_000, help="records to write as fast as they go")
    parser.add_argument("--rate", type=float, help="records a second instead, for --seconds")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.monotonic()
    if options.rate:
        written = write_paced(options.bootstrap, options.topic, options.rate, options.seconds, options.seed)
    else:
        written = write_ahead(options.bootstrap, options.topic, options.count, options.seed)
    took = time.monotonic() - start
    print(f"{written:,} records in {took:.1f} s ({written / took:,.0f}/s)")


if __name__ == "__main__":
    main()
