"""Kafka clients' log while a broker is away."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from topics.client_log import MOST_REMEMBERED, OnceInAWhile, client_log
from topics.clients import admin_client
from topics.settings import load_settings

QUIET_S = 30.0


class Log:
    """A filter with its clock, and what it let pass."""

    def __init__(self) -> None:
        self.now = 0.0
        self.passed: list[str] = []
        self.once = OnceInAWhile(QUIET_S, lambda: self.now)

    def say(self, what: str, client: str = "consumer-1", after_ms: int = 0, more: str = "") -> None:
        where = "127.0.0.1:9/bootstrap"
        text = f"[thrd:{where}]: {where}: {what} (after {after_ms}ms in state CONNECT{more})"
        record = logging.LogRecord("x", logging.ERROR, "x", 1, "%s [%s] %s", ("FAIL", client, text), None)
        if self.once.filter(record):
            self.passed.append(record.getMessage())


def test_the_same_of_any_client_is_told_once() -> None:
    """Whichever says it, and however long it took."""
    log = Log()
    for client in range(20):
        counted = ", 2 identical error(s) suppressed" if client % 2 else ""
        log.say("refused", f"consumer-{client}", after_ms=client, more=counted)
    log.say("timed out")
    assert [line.split(": ")[2].split(" (")[0] for line in log.passed] == ["refused", "timed out"]


def test_what_goes_on_is_told_again_with_how_often() -> None:
    """No line is changed that was the only one."""
    log = Log()
    for log.now in (0.0, 10.0, 29.9, 30.0, 59.0, 60.0, 200.0):
        log.say("100% refused")
    told = [line.partition("; ")[2] for line in log.passed]
    assert told == ["", "2 times more since it was told last", "1 times more since it was told last", ""]
    assert all("127.0.0.1:9/bootstrap: 100% refused" in line for line in log.passed)


@given(
    st.lists(
        st.tuples(st.floats(0, 20), st.sampled_from(["refused", "timed out", "no route"])), min_size=1, max_size=100
    )
)
def test_nothing_is_silent_for_longer_than_the_quiet_time(said: list[tuple[float, str]]) -> None:
    """What is said was told, of late."""
    log, told = Log(), dict[str, float]()
    for pause, what in said:
        log.now += pause
        before = len(log.passed)
        log.say(what)
        if len(log.passed) > before:
            assert log.now - told.get(what, -QUIET_S) >= QUIET_S
            told[what] = log.now
        assert log.now - told[what] < QUIET_S


def test_what_is_remembered_is_bounded() -> None:
    """Lines that never come again too."""
    log = Log()
    for number in range(3 * MOST_REMEMBERED):
        log.say(f"refused {number}")
        log.say(f"refused {number}")
    assert len(log.passed) == 3 * MOST_REMEMBERED
    assert len(log.once._told) <= MOST_REMEMBERED
    assert len(log.once._kept) <= MOST_REMEMBERED


def test_every_client_logs_through_it() -> None:
    """Made as often as one likes."""
    settings = load_settings(broker="127.0.0.1:9")
    for _ in range(2):
        admin_client(settings)
    assert [type(one) for one in client_log().filters] == [OnceInAWhile]
