"""What is measured: a command that reads the session events, and where its results can be seen."""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from confluent_kafka import Message

from bench.load import LoadShape
from schemas.codec import Decoder
from schemas.record_type import record_type
from schemas.store import SchemaStore

INPUT = "session-event"
CAUSE_HEADER = "lamstream.cause.timestamp"

_INTERVENTIONS = Decoder(record_type("intervention"), SchemaStore())

CauseOf = Callable[[Message], int | None]


def cause_in_header(message: Message) -> int | None:
    """Kafka's timestamp, in ms, of the input record that led to this output, as decimal text in a header."""
    found = dict(message.headers() or ()).get(CAUSE_HEADER)
    return None if found is None else int(found)


def cause_in_intervention(message: Message) -> int | None:
    """When the producer of the event that led to an intervention sent it, in ms; None where a timer led to it.

    The load knows its own clocks: event time lies one transit behind `occurred_at`, which is when it was sent. So the
    time includes the way to the broker.
    """
    for intervention in _INTERVENTIONS.decode([message.value()]).batch.to_pylist():
        if intervention["trigger"] == "event":
            return int(intervention["decided_at"]) - LoadShape.transit_ms
    return None


def cause_in_row(message: Message) -> int | None:
    """The same as the first 8 bytes of the value, little-endian."""
    value = message.value()
    return struct.unpack_from("<q", value)[0] if value else None


@dataclass(frozen=True)
class Subject:
    """A program doing the standard job.

    It is run with LAM_BROKER, LAM_PREFIX and LAM_WORKER_ID in its environment, reads `<prefix>session-event` as the
    group `<prefix><group>`, and what leaves it can be timed on `<prefix><output>`.
    """

    name: str
    command: tuple[str, ...]
    group: str
    output: str
    cause_of: CauseOf
    prepare: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    package: str = "bench"
    decides_for_sites: bool = False
    """Whether it goes by site-config and tells what it made of it in site-delta."""

    @property
    def available(self) -> bool:
        """Whether its command, and the package the command comes from, are there to be run."""
        return shutil.which(self.command[0]) is not None and find_spec(self.package) is not None


def _lam() -> str:
    """The `lam` of this environment."""
    return str(Path(sys.executable).with_name("lam"))


SUBJECTS = (
    Subject(
        "lamstream",
        command=(_lam(), "worker"),
        prepare=(_lam(), "topics", "apply"),
        group="lamstream",
        output="intervention",
        cause_of=cause_in_intervention,
        package="services",
        decides_for_sites=True,
    ),
    Subject(
        "stock-faust",
        command=(sys.executable, "-m", "bench.peers.stock_faust"),
        group="stock-faust",
        output="stock-faust-intervention",
        cause_of=cause_in_header,
    ),
    Subject(
        "floor",
        command=(sys.executable, "-m", "bench.floor"),
        group="floor",
        output="floor-state",
        cause_of=cause_in_row,
    ),
)
