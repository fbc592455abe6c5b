"""What was decided and rewarded, recomputed from the input by the plain reference, beside what is there.

It holds under the conditions that `tests/reference/live.py` states.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from tests.reference.comparing import differences
from tests.reference.config import Config
from tests.reference.live import ExpectedLive, Message, expected_live
from tests.system.reading import newest, read_topic, records
from tests.system.stream import MASTER_KEY
from tests.system.verifier import events_of
from topics.consuming import Record, header
from topics.settings import Settings
from topics.watermark import WATERMARK_HEADER

Bad = Container[tuple[bytes | None, bytes | None]]


def expected_decisions(settings: Settings, config: Config, bad: Bad = ()) -> ExpectedLive:
    """From the events and site-configs committed, in offset order, but for the `bad` records."""
    configs = newest(settings, "site-config").values()
    partitions = read_topic(settings, "session-event").values()
    return expected_live(config, MASTER_KEY.encode(), configs, (_messages(of_one, bad) for of_one in partitions))


def assert_decided_as(expected: ExpectedLive, settings: Settings) -> None:
    """Every decision, intervention and reward committed is the reference's, and none is missing."""
    found = differences(
        expected,
        decisions=records(settings, "decision"),
        interventions=records(settings, "intervention"),
        updates=records(settings, "reward-update"),
        deltas=records(settings, "reward-delta"),
    )
    assert not found, "\n".join([f"{len(found)} differences, such as", *found[:10]])


def _messages(of_one: Iterable[Record], bad: Bad) -> Iterator[Message]:
    for message, event in events_of([one for one in of_one if (one.key(), one.value()) not in bad]):
        if event is None:
            yield int(header(message, WATERMARK_HEADER) or b"")
        else:
            yield event, message.timestamp()[1]
