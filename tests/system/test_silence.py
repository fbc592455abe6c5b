"""Time alone brings decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.shop.shop import Sent
from tests.models.live.partition import LivePartition, minds
from tests.system.reading import records
from tests.system.stream import stream_on
from tests.topics.events import NOON, event
from topics.settings import Posteriors

SILENCE_MS = 300_000
SLACK_MS = 2_000
SITE = {
    "site_id": "shop",
    "version": 1,
    "vertical": "ecommerce",
    "mode": "active",
    "profile": "default",
    "opted_in": True,
}


FIRST, SECOND = NOON, NOON + SILENCE_MS - 30_000
"""When the two visits of the test are left alone, ms since the epoch."""


def at_checkout(session: str, at_ms: int) -> dict[str, Any]:
    """The one event of a visit."""
    where = {"type": "begin_checkout", "page_type": "checkout", "page_id": "/checkout"}
    return event(at_ms - NOON, session, **where, cart_items=2, cart_value=250.0)


def escalations(decisions: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    escalated = [one for one in decisions if one["tier"] == "ESCALATE"]
    return sorted((one["result"], one["decided_at"], one["timer"]) for one in escalated)


def after(*silences: int) -> list[tuple[str, int, str]]:
    return [("fire", at_ms + SILENCE_MS, "checkout_idle_300") for at_ms in silences]


def shown(at_ms: int) -> dict[str, Any]:
    """The event of a session whose draw shows something, found by deciding in memory."""
    for number in range(100):
        partition = LivePartition(minds(configs=[SITE]))
        partition.take([at_checkout(f"s-{number}", at_ms)]).advance(at_ms + SILENCE_MS + SLACK_MS)
        if escalations(partition.records["decision"]) == after(at_ms):
            return at_checkout(f"s-{number}", at_ms)
    raise AssertionError("no session of 100 is shown anything")


def test_silence_at_checkout_escalates(kafka: str, tmp_path: Path) -> None:
    """A cart of 250 left alone at checkout escalates once, 300 s after the last activity, though no event follows; also
    where the worker that saw the activity was killed, and another one's time has come to say so."""
    with stream_on(kafka, tmp_path, posteriors=Posteriors.FROZEN) as stream:

        def found_at(at_ms: int) -> list[tuple[str, int, str]]:
            stream.watermark(at_ms)
            stream.until_read()
            return escalations(records(stream.settings, "decision"))

        stream.configure([SITE])
        stream.start("only")
        stream.publish([Sent(FIRST, "session-event", shown(FIRST))])
        assert found_at(FIRST + SILENCE_MS + SLACK_MS - 1) == []
        assert found_at(FIRST + SILENCE_MS + SLACK_MS) == after(FIRST)
        stream.publish([Sent(SECOND, "session-event", shown(SECOND))])
        stream.until_read()
        stream.kill("only")
        stream.start("only")
        assert found_at(SECOND + SILENCE_MS + SLACK_MS) == after(FIRST, SECOND)
